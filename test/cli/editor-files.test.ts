import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readEvents } from '../../src/store/index.ts';
import { finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const TRASH = `.Trash-${process.geteuid?.()}`;

/**
 * What the task itself leaves under names that editors use too; the one called `shared` uses the
 * trash of those on the mount as well.
 */
const TASK = `cd "$TASKFS_ARTIFACTS"
  mkdir -p .Trash-9/info .Trash-9/files; touch .Trash-9/info/x.trashinfo .Trash-9/files/x
  echo one > deleted; echo one > moved
  echo mine > mine~; echo mine > .mine.swp; mkdir d; echo mine > d/#mine#
  echo one > notes; echo one > plan; ln -s nobody@there '.#mine'
  touch up; until [ -e go ]; do sleep 0.05; done
  if [ $0 = shared ]; then echo mine > ${TRASH}/files/mine; fi`;

/**
 * What programs on the mount do, and a swap file that stays open. trash-cli refuses where the task
 * is not a file system of its own; another program may not.
 */
const EDITORS = `cd "$0"
  trash-put deleted moved || { mkdir ${TRASH} ${TRASH}/info ${TRASH}/files
    echo > ${TRASH}/info/deleted.trashinfo; mv deleted ${TRASH}/files
    echo > ${TRASH}/info/moved.trashinfo; mv moved ${TRASH}/files; } 2>/dev/null
  mv ${TRASH}/files/moved restored; rm ${TRASH}/info/moved.trashinfo
  ln -s me@here.1234:5678 '.#notes'
  cp notes notes~; mv mine d/mine~ 2>/dev/null; mv d/#mine# d/kept; mv d/kept d/#moved#
  echo two > .goutputstream-ABC123; mv .goutputstream-ABC123 notes
  python3 -c 'import os; os.rename("plan", "plan~"); open("plan", "w").write("two")'
  touch .nfs000000000000abcd00000001
  exec 3> .notes.swp; echo swap >&3; touch go; echo; read -r _`;

const OWN = [
  ...['.#mine', '.Trash-9', '.mine.swp', 'd', 'go', 'mine~', 'notes', 'plan', 'restored', 'up'],
];
const EDITED = ['.#notes', TRASH, '.nfs000000000000abcd00000001', '.notes.swp', 'notes~', 'plan~'];
/** Where staging is attached, nobody sees who renames a file to such a name. */
const SEEN_BY_FUSE = ['d/#moved#'];

it.each([
  { live: 'fuse', edited: [...EDITED, ...SEEN_BY_FUSE], own: OWN },
  ...(process.geteuid?.() === 0 ? [{ live: 'attach', edited: EDITED, own: OWN }] : []),
])(
  'leaves out what editors on the mount made, and only that, and does not wait (--live $live)',
  async ({ live, edited, own }) => {
    const cli = newCli();
    const mountpoint = join(cli.base, 'mnt');
    mkdirSync(mountpoint);
    await cli.run('init');
    expect((await cli.run('mount', '--live', live, mountpoint)).code).toBe(0);
    const run = async (name: string, ...options: string[]) => {
      const args = ['run', '--name', name, ...options, '--', 'sh', '-c', TASK, name];
      const ended = finished(cli.start(...args));
      await until('it is shown', () => existsSync(join(cli.store, 'staging', name, 'up')));
      const editor = spawn('bash', ['-c', EDITORS, join(mountpoint, 'live', name)], {
        env: { ...process.env, HOME: cli.base },
      });
      onTestFinished(() => void editor.kill('SIGKILL'));
      await once(editor.stdout, 'data');
      // Where staging is attached, a file that is not an editor's cannot be cut off.
      if (live === 'attach' && name === 'all') editor.stdin.end();
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(0);
      const [sealed] = readEvents(join(cli.store, 'tasks', name, 'events.jsonl')).filter(
        ({ type }) => type === 'sealed',
      );
      const names = (await cli.run('ls', name)).stdout.trim().split('\n');
      return { stderr, names, sealed };
    };
    const [without, shared, all] = await Promise.all([
      run('t'),
      run('shared'),
      run('all', '--keep-editor-files', ...(live === 'fuse' ? ['--drain', '0'] : [])),
    ]);
    for (const path of edited) expect(without.stderr).toContain(`left out: '${path}'`);
    expect(without.stderr).toContain(`${TRASH}', with what was moved to the trash`);
    expect(shared.names).toContain(`${TRASH}/`);
    expect((await cli.run('ls', 'shared', `${TRASH}/files`)).stdout).toBe(
      `${TRASH}/files/deleted\n${TRASH}/files/mine\n`,
    );
    expect(without.stderr.match(/left out/g)).toHaveLength(edited.length);
    expect(without.stderr).not.toContain('still open for writing');
    expect(without.sealed).toMatchObject({ leftOut: edited.length });
    expect(without.names.map((name) => name.replace(/\/$/, ''))).toEqual(own);
    expect((await cli.run('cat', 't', 'notes')).stdout).toBe('two\n');
    expect(existsSync(join(cli.store, 'staging/t'))).toBe(false);
    if (live === 'fuse') expect(all.stderr).toMatch(/still open for writing.*\.notes\.swp/);
    expect(all.stderr).not.toContain('left out');
    for (const path of edited) expect((await cli.run('ls', 'all', path)).code, path).toBe(0);
  },
);
