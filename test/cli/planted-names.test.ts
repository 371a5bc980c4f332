/**
 * An archive whose index says what no file system could: names that lead elsewhere, names twice,
 * further names that lead in a circle. Whoever could sign it, no reader is led out of a directory
 * by it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { exportTree, openTree } from '../../src/artifacts/index.ts';
import { detach, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { loadIdentities } from '../../src/store/index.ts';
import { newCli } from '../support/cli.ts';
import { makeIndexArchive } from '../support/made-archive.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

const OWNERS = '"uid":0,"gid":0';
const TIMES = '"atime":"0","mtime":"0","ctime":"0"';
const file = (name: string): string =>
  `{"name":${JSON.stringify(name)},"type":"file","mode":2541,${OWNERS},` +
  `"size":4,"nlink":1,${TIMES},"offset":0}\n`;
const link = (name: string, position: number): string => `{"name":"${name}","link":${position}}\n`;
const directory = (name: string, start: number, length: number): string =>
  `{"name":"${name}","type":"directory","mode":493,${OWNERS},` +
  `"size":0,"nlink":2,${TIMES},"section":[${start},${length}]}\n`;
const topOf = (lines: string): string => lines + directory('', 0, lines.length);

const good = file('good');
/** Whole indexes. */
const planted: Readonly<Record<string, string>> = {
  climbs: topOf(file('../../outside/evil')),
  absolute: topOf(file('/tmp/evil')),
  dots: topOf(file('..')),
  dot: topOf(file('.')),
  nul: topOf(file('a\0b')),
  empty: topOf(file('')),
  long: topOf(file('n'.repeat(256))),
  twice: topOf(file('same') + file('same')),
  unsorted: topOf(file('b') + file('a')),
  'link-to-itself': topOf(link('loop', 0)),
  'link-to-the-top': topOf(link('loop', link('loop', 10).length)),
  'link-to-a-directory': topOf(directory('a', 0, 0) + link('b', 0)),
  'link-to-a-link': topOf(good + link('h', 0) + link('i', good.length)),
  'section-around-itself': topOf(directory('a', 0, 300)),
  'not-a-directory': good,
};

test('no planted name leads a reader out of a directory, or in a circle', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  const outside = join(cli.base, 'outside');
  mkdirSync(outside);
  const work = join(cli.base, 'x');
  mkdirSync(work);
  for (const [name, lines] of Object.entries(planted)) {
    const { task, paths } = endedTask(store, name);
    await makeIndexArchive(store, name, lines);
    rmSync(paths.staging, { recursive: true });
    const run = async (): Promise<void> => {
      using tree = await openTree(store, task, () => loadIdentities(store));
      using top = tree.find('', 'keep');
      exportTree(top, join(work, name));
    };
    await expect
      .soft(run(), `${name}: ${paths.archive}`)
      .rejects.toMatchObject({ kind: 'damaged' });
  }
  expect(readdirSync(outside)).toEqual([]);
  expect(readdirSync(cli.base).sort()).toEqual(['outside', 'store', 'x']);

  const { code, stderr } = await cli.run('export', 'climbs', join(work, 'again'));
  expect([code, stderr]).toEqual([5, expect.stringContaining('the index has no entry at byte 0')]);
  expect((await cli.run('ls', 'climbs')).code).toBe(5);

  const mountpoint = join(cli.base, 'mount');
  mkdirSync(mountpoint);
  await mountInBackground(store, mountpoint, { driver: 'kernel' });
  onTestFinished(() => unmount(mountpoint).catch(() => detach(mountpoint)));
  for (const name of Object.keys(planted)) {
    if (name === 'twice' || name === 'unsorted') continue;
    const archive = join(mountpoint, 'archive', name);
    const find = (): Buffer => execFileSync('find', [archive], { timeout: 20_000, stdio: 'pipe' });
    expect.soft(find, name).toThrow(/Input\/output error/);
  }
});

test('set-user-ID bits of an archive are not exported unless that is asked for', async () => {
  const cli = newCli();
  const store = await storeWithKeys(cli.store);
  const { paths } = endedTask(store, 'setid');
  // Its one file is empty: mode 04755.
  const lines = file('tool').replace('"size":4', '"size":0');
  await makeIndexArchive(store, 'setid', topOf(lines));
  rmSync(paths.staging, { recursive: true });
  const modeIn = (directoryName: string): string =>
    execFileSync('stat', ['-c', '%a', join(directoryName, 'tool')])
      .toString()
      .trim();
  const out = join(cli.base, 'out');
  const dropped = await cli.json('export', 'setid', out, '--json');
  expect(dropped).toMatchObject({ withoutSetId: [{ path: 'tool' }] });
  expect(modeIn(out)).toBe('755');
  rmSync(out, { recursive: true });
  expect((await cli.run('export', 'setid', out, '--keep-setid')).code).toBe(0);
  expect(modeIn(out)).toBe('4755');
});
