import { existsSync, readFileSync } from 'node:fs';
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

/** What those that look at the file themselves say once a task has changed it, and to what keys. */
const NOTICES = {
  nano: { keys: ['x', 'C-o', 'Enter'], says: /changed|modified/ },
  micro: { keys: ['Right'], says: /has changed/ },
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
    const terminals = await Promise.all(
      names.map(async (name) => {
        const { command, keys } = EDITORS[name];
        const terminal = await inTerminal(cli.asUser(...command, join(task.live, name)));
        await until(`${name} shows it`, async () => /^[ 1]*one$/m.test(await terminal.screen()));
        await terminal.press(...keys);
        const staged = () => readFileSync(join(cli.store, 'staging/t', name), 'utf8');
        await until(`${name} has saved`, () => staged().includes('added'));
        return [name, terminal] as const;
      }),
    );
    // To nano, what was changed within the same second is the same.
    await task.does(
      'for file in nano micro; do echo theirs >> $file; touch -d "1 minute" $file; done',
    );
    await task.does('touch .changed');
    await until('the task has changed them', () =>
      existsSync(join(cli.store, 'staging/t/.changed')),
    );
    for (const [name, terminal] of terminals) {
      if (name !== 'nano' && name !== 'micro') continue;
      const { keys, says } = NOTICES[name];
      await terminal.press(...keys);
      await until(`${name} says so`, async () => says.test(await terminal.screen()));
      await terminal.press('n');
      const staged = readFileSync(join(cli.store, 'staging/t', name), 'utf8');
      expect(staged, name).toMatch(/theirs\n$/);
    }
    const ended = await task.end();
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("'.vim.swp'") });
    const listed = (await cli.run('ls', 't')).stdout.trim().split('\n');
    expect(listed).toEqual(['.changed', '.started', ...names.sort()]);
    const vim = await inTerminal(cli.asUser('vim', '-Nu', 'NONE', join(task.archived, 'vim')));
    await until('vim says so', async () => (await vim.screen()).includes('[readonly]'));
  });
});
