import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, finished, launcher, newCli, type Ran } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

/**
 * A live task with a file `notes`, whose command does `script` once the file `editing` is there.
 */
async function liveTask(cli: Cli, script: string): Promise<void> {
  const editing = join(cli.base, 'editing');
  const begin = 'cd "$TASKFS_ARTIFACTS"; mkdir d; echo mine > notes; echo ready';
  const wait = `until [ -e '${editing}' ]; do sleep 0.05; done`;
  await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', `${begin}; ${wait}; ${script}`);
  await until('it is ready', async () => (await cli.run('logs', 't')).stdout === 'ready\n');
}

const LASTS = 'touch ../../../done; sleep 600';

/**
 * Edits with a script of a shell, `$1` being the copy; `go` lets the task do its part, and waits
 * for that.
 */
function edit(cli: Cli, path: string, script: string): Promise<Ran> {
  const editor = join(cli.base, 'editor');
  const go = `touch '${cli.base}/editing'; until [ -e '${cli.base}/done' ]; do sleep 0.05; done`;
  writeFileSync(editor, `#!/bin/sh\n${script.replace('GO', go)}\n`);
  chmodSync(editor, 0o755);
  return finished(cli.start('edit', 't', path));
}

const editingCli = (): Cli => newCli({ env: { VISUAL: '', EDITOR: '"$TASKFS_STORE/../editor"' } });

const cat = async (cli: Cli, path: string): Promise<string> =>
  (await cli.run('cat', 't', path)).stdout;

/** What doctor says of edits. */
const lines = (told: string): string[] =>
  told.split('\n').filter((line) => line.includes('an edit'));

/** Nothing of an edit is left in the store. */
const edits = (cli: Cli): string[] => readdirSync(join(cli.store, 'edits'));

describe('taskfs edit', () => {
  it('writes back what was saved: in place, by rename, and as a new file', async () => {
    const cli = editingCli();
    await liveTask(cli, LASTS);
    expect(await edit(cli, 'notes', 'echo more >> "$1"')).toMatchObject({ code: 0, stderr: '' });
    expect(await cat(cli, 'notes')).toBe('mine\nmore\n');
    const byRename = 'echo short > "$1.new"; mv "$1.new" "$1"; echo backup > "$1~"';
    expect(await edit(cli, 'notes', byRename)).toMatchObject({ code: 0, stderr: '' });
    expect(await cat(cli, 'notes')).toBe('short\n');
    expect(await edit(cli, 'd/new', 'echo new > "$1"')).toMatchObject({ code: 0, stderr: '' });
    expect(await cat(cli, 'd/new')).toBe('new\n');
    expect(readdirSync(join(cli.store, 'staging/t'))).toEqual(['d', 'notes']);
    expect(await edit(cli, 'notes', ':')).toMatchObject({ code: 0, stderr: '' });
    expect((await edit(cli, 'd', ':')).code).toBe(2);
    expect((await edit(cli, 'no/such', ':')).code).toBe(3);
    expect((await edit(cli, '../x', ':')).code).toBe(2);
    expect(edits(cli)).toEqual([]);
  });

  it('keeps and names what was saved when the task had ended, or the editor failed', async () => {
    const cli = editingCli();
    await liveTask(cli, 'true');
    const failed = await edit(cli, 'notes', 'echo x > "$1"; exit 3');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('ended with 3');
    writeFileSync(join(cli.base, 'done'), '');
    const sealed = `until [ -e '${cli.store}/archive/t' ]; do sleep 0.05; done`;
    const { code, stderr } = await edit(cli, 'notes', `GO; ${sealed}; echo long work > "$1"`);
    expect(code).toBe(1);
    expect(stderr).toContain('task t ended meanwhile');
    const kept = /what you saved is kept as (.*)\n/.exec(stderr)?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toBe('long work\n');
    await cli.run('wait', 't');
    expect(await cat(cli, 'notes')).toBe('mine\n');
    expect(readdirSync(join(cli.store, 'staging'))).toEqual([]);
    expect(await edit(cli, 'notes', 'echo x > "$1"')).toMatchObject({ code: 2 });
  });

  it('what was not written back is named by doctor, and goes with its task alone', async () => {
    const cli = editingCli();
    await liveTask(cli, 'true');
    await cli.run('run', '--name', 't-1', '--', 'true');
    expect((await edit(cli, 'notes', 'echo x > "$1"; exit 3')).code).toBe(1);
    const [left] = edits(cli);
    const named =
      'task t: an edit was not written back: ' +
      `move what you need out of ${cli.store}/edits/${left}`;
    const editor =
      'GO; until [ -e "$TASKFS_STORE/../over" ]; do sleep 0.05; done; echo late > "$1"';
    const open = edit(cli, 'notes', editor);
    await until('an editor is open', () => edits(cli).length === 2);
    const found = lines((await cli.run('doctor')).stdout);
    expect(found).toEqual([expect.stringContaining(named)]);
    await cli.run('rm', 't-1');
    expect(edits(cli)).toContain(left);
    writeFileSync(join(cli.base, 'done'), '');
    await cli.run('wait', 't');
    expect((await cli.run('rm', 't')).code).toBe(0);
    expect(edits(cli)).toHaveLength(1);
    writeFileSync(join(cli.base, 'over'), '');
    const { code, stderr } = await open;
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('edits') });
    const [kept = ''] = edits(cli);
    expect(readFileSync(join(cli.store, 'edits', kept, 'notes'), 'utf8')).toBe('late\n');
    expect(lines((await cli.run('doctor')).stdout)).toHaveLength(1);
  });

  it('overwrites nothing that the task changed: what was saved is put beside it', async () => {
    const cli = editingCli();
    await liveTask(cli, `echo theirs > notes; ${LASTS}`);
    const { code, stderr } = await edit(cli, 'notes', 'GO; echo yours > "$1"');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'the task changed it meanwhile: what you saved is kept as notes.edited',
    );
    expect(await cat(cli, 'notes')).toBe('theirs\n');
    expect(await cat(cli, 'notes.edited')).toBe('yours\n');
    expect(edits(cli)).toEqual([]);
  });

  it.each([
    ['a link out of its files', 'ln -sf "$OLDPWD/host" notes'],
    ['a link to another of its files', 'echo other > o; ln -sf o notes'],
    ['a pipe', 'rm notes; mkfifo notes'],
    ['a directory', 'rm notes; mkdir notes'],
    ['another file of the same content', 'echo mine > n; mv n notes'],
  ])('follows nothing that the task puts in its place: %s', async (_, swap) => {
    const cli = editingCli();
    writeFileSync(join(cli.base, 'host'), 'original\n');
    await liveTask(cli, `${swap}; ${LASTS}`);
    const { code, stderr } = await edit(cli, 'notes', 'GO; echo edited > "$1"');
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not written/),
    });
    expect(readFileSync(join(cli.base, 'host'), 'utf8')).toBe('original\n');
    const [directory] = edits(cli);
    const saved = directory
      ? readFileSync(join(cli.store, 'edits', directory, 'notes'), 'utf8')
      : await cat(cli, 'notes.edited');
    expect(saved).toBe('edited\n');
    const grep = spawnSync('grep', ['-rl', '-D', 'skip', 'edited', join(cli.store, 'staging/t')]);
    expect(grep.stdout.toString().replace(/.*notes.edited\n/, '')).toBe('');
  });

  it('leaves an editor with a window open, hands on each save, and reports', async () => {
    const cli = newCli();
    await liveTask(cli, 'true');
    const bin = join(cli.base, 'bin');
    const told = join(cli.base, 'told');
    const program = (name: string, script: string): void =>
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    mkdirSync(bin);
    program('notify-send', `for last; do :; done; echo "$last" >> '${told}'`);
    program(
      'code',
      `[ "$1" = --wait ] || exit 9; echo "$2" > '${cli.base}/opened'; ` +
        `until [ -e '${cli.base}/closed' ]; do sleep 0.05; done`,
    );
    const notes = join(cli.store, 'staging/t/notes');
    const isIn = (file: string, text: string): boolean =>
      existsSync(file) && readFileSync(file, 'utf8').includes(text);
    const env = [`TASKFS_STORE=${cli.store}`, `PATH=${bin}:${process.env.PATH}`, 'DISPLAY=:9'];
    const command = [launcher, 'edit', 't', 'notes'];
    const session = await inTerminal(['env', ...env, 'VISUAL=code', ...command], 200);
    const says = (words: string) =>
      until(`the terminal says ${words}`, async () => (await session.screen()).includes(words));
    await says("'notes' is open in code --wait: each save goes to task t");
    const copy = readFileSync(join(cli.base, 'opened'), 'utf8').trim();
    writeFileSync(copy, 'two\n');
    await until('the save is handed on', () => isIn(notes, 'two'));

    writeFileSync(notes, 'theirs\n');
    writeFileSync(copy, 'three\n');
    await says('the task changed it meanwhile: what you saved is kept as notes.edited of task t');
    await until('it is told on the desktop', () => isIn(told, 'notes.edited'));
    writeFileSync(copy, 'four\n');
    await until('later saves go there', () => isIn(`${notes}.edited`, 'four'));
    expect(readFileSync(notes, 'utf8')).toBe('theirs\n');

    writeFileSync(join(cli.base, 'editing'), '');
    await says(`what you save from now on is kept as ${cli.store}`);
    await until('it is told on the desktop', () => isIn(told, 'has ended while you edit'));
    writeFileSync(copy, 'five\n');
    await says('task t ended meanwhile: what you saved is kept as');
    writeFileSync(join(cli.base, 'closed'), '');
    await until('doctor names it', async () => {
      const [note = ''] = lines((await cli.run('doctor')).stdout);
      return note.includes('was not written back');
    });
    expect(readFileSync(copy, 'utf8')).toBe('five\n');
    expect((await cli.run('cat', 't', 'notes.edited')).stdout).toBe('four\n');
  });

  it('waits for a window where it is told to, and says where none opens', async () => {
    const cli = newCli({ env: { VISUAL: '"$TASKFS_STORE/../gvim"', DISPLAY: '' } });
    await liveTask(cli, LASTS);
    const missing = await cli.run('edit', 't', 'notes');
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be started'),
    });
    const gvim = '#!/bin/sh\n[ "$1" = --nofork ] && sleep 0.2 && echo late > "$2"\n';
    writeFileSync(join(cli.base, 'gvim'), gvim, { mode: 0o755 });
    expect(await cli.run('edit', '--wait', 't', 'notes')).toMatchObject({ code: 0, stderr: '' });
    expect(await cat(cli, 'notes')).toBe('late\n');
    expect(await cli.run('edit', 't', 'no/such')).toMatchObject({ code: 3 });
    expect(edits(cli)).toEqual([]);
  });
});
