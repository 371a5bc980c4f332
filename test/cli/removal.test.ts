import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, finished, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

const isRoot = process.geteuid?.() === 0;

const inTask = (cli: Cli, script: string) =>
  cli.run('run', '--name', 'r', '--', 'sh', '-c', `cd "$TASKFS_ARTIFACTS" || exit; ${script}`);

describe.skipIf(!isRoot)(
  'plaintext that a plain user cannot remove (needs root to be in the way)',
  () => {
    /** A sealed task with a directory of root's in its staging. */
    async function sealedWithRemains(): Promise<{ cli: Cli; inTheWay: string }> {
      const cli = newCli({ user: 'plain' });
      const child = cli.start('run', '--name', 'r', '--', 'sh', '-c', WAIT);
      const done = finished(child);
      const staging = join(cli.store, 'staging/r');
      await until('the task runs', () => existsSync(join(staging, 'ready')));
      const inTheWay = join(staging, 'pkg');
      mkdirSync(inTheWay);
      writeFileSync(join(inTheWay, 'lib.so'), 'lib');
      writeFileSync(join(staging, 'go'), '');
      const { code, stderr } = await done;
      expect(code).toBe(125);
      expect(stderr).toContain(`not removed, ${join(inTheWay, 'lib.so')}: permission denied`);
      expect(stderr).not.toContain('not expected');
      return { cli, inTheWay };
    }
    const WAIT = 'cd "$TASKFS_ARTIFACTS"; touch ready; until [ -e go ]; do sleep 0.05; done';

    it('is recorded and shown, ends a wait, and goes when recovery can remove it', async () => {
      const { cli, inTheWay } = await sealedWithRemains();
      const plaintext = `not removed, ${join(inTheWay, 'lib.so')}: permission denied`;
      const status = await cli.json('status', 'r', '--json');
      expect(status).toMatchObject({ status: 'completed', artifacts: 'sealed', plaintext });
      expect((await cli.run('status', 'r')).stdout).toContain(`Plaintext:  ${plaintext}`);
      expect((await cli.run('ps')).stdout).toContain('plaintext left');
      expect((await cli.run('doctor')).stdout).toContain(plaintext);
      expect((await cli.run('wait', 'r')).code).toBe(125);
      const [recovery] = await cli.json<unknown[]>('recover', '--json').catch(() => [null]);
      expect(recovery).toBeNull();

      chownSync(inTheWay, 65534, 65534);
      expect(await cli.json('recover', '--json')).toEqual([
        { task: 'r', outcome: 'sealed', error: null },
      ]);
      expect(readdirSync(join(cli.store, 'staging'))).toEqual([]);
      expect(await cli.json('status', 'r', '--json')).toMatchObject({ plaintext: null });
      expect((await cli.run('events', 'r')).stdout).not.toContain('lib.so');
    });

    it('keeps the archive of a task that cannot be removed, and is named', async () => {
      const { cli, inTheWay } = await sealedWithRemains();
      const removed = await cli.run('rm', 'r');
      expect(removed.code).toBe(1);
      expect(removed.stderr).toContain(join(inTheWay, 'lib.so'));
      expect(readdirSync(join(cli.store, 'archive/r'))).toContain('seal.json');
      rmSync(inTheWay, { recursive: true });
      expect((await cli.run('rm', 'r')).code).toBe(0);
    });
  },
);

describe('a removal that was cut short', () => {
  it.each([
    ['before the first thing of it went', (_cli: Cli) => {}],
    ['when its staging was half gone', (cli: Cli) => mkdirSync(join(cli.store, 'staging/r'))],
    [
      'when its archive had been put aside',
      ({ store }: Cli) => renameSync(join(store, 'archive/r'), join(store, 'archive/.r.removed')),
    ],
  ])('%s is ended by recover, and no verification calls it tampering', async (_what, cut) => {
    const cli = newCli();
    await inTask(cli, 'echo 1 > a');
    const copy = join(cli.base, 'copy');
    cpSync(cli.store, copy, { recursive: true });
    // What the chain says once a removal is announced; all else is put back as the kill left it.
    await cli.run('rm', 'r');
    for (const part of ['tasks/r', 'archive/r']) {
      cpSync(join(copy, part), join(cli.store, part), { recursive: true });
    }
    writeFileSync(join(cli.store, 'tasks/r/removing'), '');
    cut(cli);
    expect(await cli.run('verify')).toMatchObject({ code: 0, stdout: '' });
    expect(await cli.json('recover', '--json')).toEqual([
      { task: 'r', outcome: 'removed', error: null },
    ]);
    expect(readdirSync(join(cli.store, 'tasks'))).toEqual(['.queue']);
    for (const part of ['staging', 'archive'])
      expect(readdirSync(join(cli.store, part))).toEqual([]);
    expect((await cli.run('verify')).code).toBe(0);
  });

  it('when only the record was left aside leaves its name to a new task', async () => {
    const cli = newCli();
    await inTask(cli, 'echo 1 > a');
    const { tasks, archive } = {
      tasks: join(cli.store, 'tasks'),
      archive: join(cli.store, 'archive'),
    };
    cpSync(join(tasks, 'r'), join(tasks, '.r.removed'), { recursive: true });
    expect((await cli.run('recover')).stdout).toBe('r: removed\n');
    expect(readdirSync(tasks).sort()).toEqual(['.queue', 'r']);
    expect(readdirSync(archive)).toEqual(['r']);
  });
});
