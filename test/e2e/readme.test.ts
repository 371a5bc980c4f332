import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

/** A command of the session in the README, and what it printed there. */
interface Step {
  readonly command: string;
  readonly output: readonly string[];
}

/** The session under the heading "A day". The first command shows the script that it is about. */
function sessionOf(readme: string): readonly Step[] {
  const [, block = ''] = /^## A day$[\s\S]*?```console\n([\s\S]*?)```/m.exec(readme) ?? [];
  const parts = block.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [command = '', ...output] = part.trimEnd().split('\n');
    return { command, output };
  });
}

/** What differs from one day and machine to the next is made the same. */
const normalised = (line: string): string =>
  line
    .replace(/^bash: (line \d+: )?/, 'bash: ')
    .replace(/^total \d+$/, 'total N')
    .replace(/^(\S+) +\d+ \S+ +\S+ +(\d+) \w{3} [ \d]\d \d\d:\d\d /, (_, mode, size) =>
      mode.startsWith('d') ? `${mode} ` : `${mode} ${size} `,
    )
    .replace(/\b\d+(\.\d+)?s( ago)?\b/g, 'T')
    .replace(/\b[0-9a-f]{64}\b/, 'HASH')
    .replace(/ {2,}/g, '  ');

/** `…` alone stands for any lines. */
function isAsShown(actual: readonly string[], shown: readonly string[]): boolean {
  const open = shown.at(-1) === '…';
  const wanted = (open ? shown.slice(0, -1) : shown).map(normalised);
  const got = (open ? actual.slice(0, wanted.length) : actual).map(normalised);
  return wanted.length === got.length && wanted.every((line, at) => line === got[at]);
}

/** Commands that only look: what they show may take a moment to be there. */
const LOOKS = /^(ls|tail|taskfs ps)\b/;

it('the day that the README shows goes as it says', async () => {
  const [script, ...steps] = sessionOf(
    readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8'),
  );
  expect(script?.command).toBe('cat render.sh');
  expect(steps.length).toBeGreaterThan(12);
  const cli = newCli({ user: 'plain' });
  writeFileSync(join(cli.base, 'render.sh'), `${script?.output.join('\n')}\n`);
  const bin = join(cli.base, 'bin');
  mkdirSync(bin);
  symlinkSync(launcher, join(bin, 'taskfs'));
  // The task pauses as long as the reader does, not by the clock.
  const go = join(cli.base, 'go');
  const pause = `#!/bin/sh\nuntil [ -e '${go}' ]; do /bin/sleep 0.02; done\n`;
  writeFileSync(join(bin, 'sleep'), pause);
  chmodSync(join(bin, 'sleep'), 0o755);
  onTestFinished(async () => void (await cli.run('unmount', join(cli.base, 'tasks'))));

  const shell = cli.spawn('env', `PATH=${bin}:${process.env.PATH}`, 'bash');
  shell.stdin.write('exec 2>&1\n');
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]();
  const run = async (command: string): Promise<string[]> => {
    shell.stdin.write(
      `${command.replaceAll('~/.local/share/taskfs', cli.store)}\necho 'that is all'\n`,
    );
    const output: string[] = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the shell ended at '${command}': ${output.join('\n')}`);
      if (value === 'that is all') return output;
      output.push(value.replaceAll(cli.store, '~/.local/share/taskfs'));
    }
  };
  for (const { command, output } of steps) {
    if (command.startsWith('taskfs wait')) writeFileSync(go, '');
    let printed = await run(command);
    if (LOOKS.test(command)) {
      await until(`${command} shows ${output.join('\n')}`, async () => {
        if (isAsShown(printed, output)) return true;
        printed = await run(command);
        return false;
      });
    }
    expect(isAsShown(printed, output), `$ ${command}\n${printed.join('\n')}`).toBe(true);
  }
});
