import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

/** How each shell is started without anybody's settings, and how it takes the script. */
const shells = {
  bash: ['bash --norc --noprofile', 'source <(taskfs completion)'],
  zsh: ['zsh -f', 'source <(taskfs completion zsh)'],
  fish: ['fish --no-config', 'taskfs completion fish | source'],
} as const;

/** Lines as they are typed, each part with a Tab behind, and how the line goes on with it. */
const lines: readonly (readonly (readonly [part: string, line: string])[])[] = [
  [
    ['taskfs statu', 'taskfs status'],
    ['fir', 'taskfs status first-light'],
  ],
  [['taskfs ps --al', 'taskfs ps --all']],
  [['taskfs ps --sort dur', 'taskfs ps --sort duration']],
  [['taskfs wait first-light sec', 'taskfs wait first-light second']],
  [
    ['taskfs cat --utc fi', 'taskfs cat --utc first-light'],
    ['de', 'cat --utc first-light deep/'],
    ['fi', 'cat --utc first-light deep/file'],
  ],
  [['taskfs cat first-light tw', 'cat first-light two\\ words']],
  [['taskfs cat first-light "tw', 'cat first-light "two words"']],
  [['taskfs cat first-light sp\\ ace/', 'cat first-light sp\\ ace/x']],
  [
    ['taskfs cp fir', 'taskfs cp first-light:'],
    ['de', 'cp first-light:deep/'],
    ['fi', 'cp first-light:deep/file'],
  ],
  [['taskfs export first-light own-', 'export first-light own-directory/']],
];

it.each(Object.entries(shells))(
  '%s completes verbs, options, tasks and paths',
  async (_, shell) => {
    const [program, load] = shell;
    const cli = newCli();
    const script =
      'cd "$TASKFS_ARTIFACTS"; mkdir deep "sp ace"; touch deep/file "two words" "sp ace/x"';
    await cli.run('run', '--name', 'first-light', '--', 'sh', '-c', script);
    await cli.run('run', '--name', 'second', '--', 'true');
    const bin = join(cli.base, 'bin');
    mkdirSync(bin);
    symlinkSync(launcher, join(bin, 'taskfs'));
    mkdirSync(join(cli.base, 'own-directory'));
    const path = `${bin}:${join(process.execPath, '..')}:${process.env.PATH}`;
    // Fish leaves a pipe in /tmp where it has no such directory, or others may enter it.
    const runtime = join(cli.base, 'runtime');
    mkdirSync(runtime, { mode: 0o700 });
    const directories = [`HOME=${cli.base}`, `XDG_RUNTIME_DIR=${runtime}`];
    const variables = [`TASKFS_STORE=${cli.store}`, `PATH=${path}`, ...directories, 'PS1=$ '];
    const start = ['env', `--chdir=${cli.base}`, ...variables, ...program.split(' ')];
    const terminal = await inTerminal(start, 120);
    await terminal.press(`${load}; clear; echo load''ed`, 'Enter');
    await until('the script is loaded', async () => /^loaded/m.test(await terminal.screen()));
    for (const parts of lines) {
      for (const [part, line] of parts) {
        await terminal.type(part);
        await terminal.press('Tab');
        await until(line, async () => (await terminal.screen()).includes(line));
      }
      await terminal.press('C-u');
      await until('an empty line', async () => !(await terminal.screen()).includes('taskfs '));
    }
    expect(await terminal.screen()).not.toContain('not found');
  },
);
