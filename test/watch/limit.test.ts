import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { WatchEvent } from '../../src/watch/event.ts';
import { until } from '../support/until.ts';
import { type HandMadeTask, handMadeTask } from '../support/watched-task.ts';

const program = join(import.meta.dirname, '..', 'support', 'watch-program.ts');

/**
 * Watches in a user namespace of its own, where the kernel allows so many inotify watches or
 * instances.
 */
function watchWithLimit(
  { store, task }: HandMadeTask,
  what: string,
  limit: number,
): () => WatchEvent[] {
  const script = `echo ${limit} > /proc/sys/user/max_inotify_${what} && exec "$0" "$@"`;
  const command = ['sh', '-c', script, process.execPath, program, store.path, task];
  const child = spawn('unshare', ['--user', '--map-root-user', ...command]);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return () => {
    if (errors) throw new Error(`the watch says: ${errors}`);
    return output
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WatchEvent);
  };
}

const has = (events: WatchEvent[], type: string, path: string): boolean =>
  events.some((event) => event.type === type && 'path' in event && event.path === path);

for (const [what, limit] of [
  ['watches', 3],
  ['instances', 0],
] as const) {
  test(`where only ${limit} inotify ${what} are allowed it polls, and a note says so`, async () => {
    const made = handMadeTask();
    for (let i = 0; i < 10; i++) mkdirSync(made.file(`d${i}`));
    const events = watchWithLimit(made, what, limit);
    await until('ready', () => events().some(({ type }) => type === 'ready'));
    for (let i = 0; i < 10; i++) writeFileSync(made.file(`d${i}/new`), 'x');
    for (let i = 0; i < 10; i++) {
      await until(`add ${i}`, () => has(events(), 'add', `d${i}/new`));
    }
    appendFileSync(made.file('d9/new'), 'more');
    await until('change', () => has(events(), 'change', 'd9/new'));
    const notes = events().filter((event) => event.type === 'note');
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatchObject({ message: expect.stringContaining(`inotify ${what}`) });
  });
}
