import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { TestEngine } from './test-engine.ts';

/** An engine of the test's own, which it may stop, kill and start. */
export interface PrivateEngine extends TestEngine {
  /** Ends or starts the daemon; containers of an engine with --live-restore go on. */
  tell(word: 'stop' | 'kill' | 'start'): void;
}

/** Starts an engine of a test's own with more flags for its daemon; removed when the test ends. */
export async function startPrivateEngine(flags: string): Promise<PrivateEngine> {
  const { TASKFS_TEST_ENGINE: _, ...env } = process.env;
  const script = join(import.meta.dirname, '../../scripts/with-engine');
  const report =
    'echo "$TASKFS_TEST_ENGINE $DOCKER_HOST $TASKFS_TEST_IMAGE ' +
    '$TASKFS_TEST_BARE_IMAGE $TASKFS_TEST_SMALL_DISK"; cat';
  const child = spawn(script, ['sh', '-c', report], {
    env: { ...env, TASKFS_ENGINE_FLAGS: flags },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => end(child));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const [directory = '', host = '', image = '', bareImage = '', smallDisk = ''] = line
    .toString()
    .trim()
    .split(' ');
  const tell = (word: string): void => writeFileSync(join(directory, 'control'), `${word}\n`);
  return { directory, host, image, bareImage, smallDisk, tell };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.stdin?.end();
  await exited;
}

/** Points what looks for an engine in this process to another one until the test ends. */
export function useEngine({ host }: TestEngine): void {
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = host;
  onTestFinished(() => {
    if (before === undefined) delete process.env.DOCKER_HOST;
    else process.env.DOCKER_HOST = before;
  });
}

/** Whether an engine's daemon has let go of its pid file, which it does as the last thing. */
export const hasStopped = ({ directory }: TestEngine): boolean =>
  !existsSync(join(directory, 'docker.pid'));
