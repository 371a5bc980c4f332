import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { tellTask } from '../support/told-task.ts';
import { until } from '../support/until.ts';

/** How each adds a line to its file and saves it; it stays open. */
const EDITORS = {
  vim: {
    command: ['vim', '-Nu', 'NONE', '-c', 'set backup'],
    keys: ['o', 'added', 'Escape', ':w', 'Enter'],
  },
  nano: { command: ['nano', '-B'], keys: ['added', 'C-o', 'Enter'] },
  micro: { command: ['micro'], keys: ['added', 'C-s'] },
  emacs: { command: ['emacs', '-nw', '-Q'], keys: ['added', 'C-x', 'C-s'] },
} as const;

const isRoot = process.geteuid?.() === 0;

describe.each([
  { user: 'a plain user', options: { user: 'plain' } as const },
  ...(isRoot ? [{ user: 'root', options: {} }] : []),
])('in a terminal, as $user', ({ options }) => {
  it('the task reads what editors save, and an archived file is read-only to them', async () => {
    const cli = newCli(options);
    const names = Object.keys(EDITORS) as (keyof typeof EDITORS)[];
    const task = await tellTask(cli, `for name in ${names.join(' ')}; do echo one > $name; done`);
    await Promise.all(
      names.map(async (name) => {
        const { command, keys } = EDITORS[name];
        const terminal = await inTerminal(cli.asUser(...command, join(task.live, name)));
        await until(`${name} shows it`, async () => /^[ 1]*one$/m.test(await terminal.screen()));
        await terminal.press(...keys);
        const staged = () => readFileSync(join(cli.store, 'staging/t', name), 'utf8');
        await until(`${name} has saved`, () => staged().includes('added'));
      }),
    );
    const ended = await task.end();
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("'.vim.swp'") });
    const listed = (await cli.run('ls', 't')).stdout.trim().split('\n');
    if (options.user === 'plain') expect(listed).toEqual(['.started', ...names.sort()]);
    const vim = await inTerminal(cli.asUser('vim', '-Nu', 'NONE', join(task.archived, 'vim')));
    await until('vim says so', async () => (await vim.screen()).includes('[readonly]'));
  });
});
