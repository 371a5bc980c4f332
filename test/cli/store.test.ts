import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { main, newCli } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

interface Examined {
  readonly what: string;
  readonly says: string;
}

const recovery = (findings: unknown): Examined | undefined =>
  (findings as Examined[]).find(({ what }) => what === 'recovery');

const isRoot = process.geteuid?.() === 0;

describe('taskfs init', () => {
  it('is what makes new keys where there are archives and theirs are gone', async () => {
    const cli = newCli();
    await cli.run('run', '--name', 'old', '--', 'true');
    const keys = join(cli.store, 'keys');
    renameSync(keys, join(cli.base, 'saved'));
    for (const verb of [
      ['run', '--', 'true'],
      ['mount', join(cli.base, 'mnt')],
    ]) {
      const { code, stderr } = await cli.run(...verb);
      expect(stderr).toContain(`the keys of the store ${cli.store} are gone`);
      expect(code).toBe(verb[0] === 'run' ? 125 : 1);
    }
    expect(readdirSync(keys)).toEqual([]);
    expect((await cli.run('init')).code).toBe(0);
    expect((await cli.run('run', '--', 'true')).code).toBe(0);
  });

  it('makes a store once, and tells of it', async () => {
    const cli = newCli();
    expect((await cli.run('ps')).code).toBe(3);
    const made = await cli.run('init', '--json');
    expect(JSON.parse(made.stdout)).toEqual({ store: cli.store });
    expect(made.stderr).not.toMatch(/AGE-SECRET-KEY-1/);
    const again = await cli.run('init');
    expect(again.code).toBe(2);
    expect(await cli.json('ps', '--json')).toEqual([]);
  });

  it('makes a recovery identity where a terminal shows it, and when asked to', async () => {
    const cli = newCli();
    const { screen } = await inTerminal(
      [process.execPath, main, '--store', cli.store, 'init'],
      120,
    );
    await until('it is shown', async () => /AGE-SECRET-KEY-1[0-9A-Z]{50}/.test(await screen()));
    expect(recovery(await cli.json('doctor', '--json'))).toBeUndefined();
    const scripted = newCli();
    await scripted.run('init');
    expect(await scripted.json('key', 'show', '--json')).toHaveLength(1);
    expect(recovery(await scripted.json('doctor', '--json'))?.says).toContain('key recovery');
    expect((await scripted.run('key', 'recovery')).stderr).toMatch(/AGE-SECRET-KEY-1/);
    expect(recovery(await scripted.json('doctor', '--json'))).toBeUndefined();
  });

  it('takes --store before and after the verb', async () => {
    const cli = newCli();
    const other = join(cli.base, 'other');
    expect((await cli.run('--store', other, 'init')).stdout).toBe(`${other}\n`);
    expect((await cli.run('ps', '--store', other)).code).toBe(0);
    expect((await cli.run('ps')).code).toBe(3);
    expect(await cli.run('ps', '--store', '')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the path of the store is empty'),
    });
  });

  it('makes one set of keys where two begin at once', async () => {
    const cli = newCli();
    const runs = await Promise.all([1, 2, 3].map(() => cli.run('run', '--', 'true')));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(runs.filter(({ stderr }) => stderr.includes('A new store'))).toHaveLength(1);
    const tasks = await cli.json<{ artifacts: string }[]>('ps', '-a', '--json');
    expect(tasks.map(({ artifacts }) => artifacts)).toEqual(['sealed', 'sealed', 'sealed']);
  });

  it('asks for a passphrase on a terminal only', async () => {
    const { code, stderr } = await newCli().run('init', '--passphrase');
    expect(code).toBe(2);
    expect(stderr).toContain('terminal');
  });
});

describe('a store that is not to be used', () => {
  it('of an unknown format is refused', async () => {
    const cli = newCli();
    await cli.run('init');
    const before = readdirSync(cli.store);
    writeFileSync(join(cli.store, 'store.json'), '{"format":2}');
    for (const args of [['ps'], ['init'], ['run', '--', 'true']]) {
      const { code, stderr } = await cli.run(...args);
      expect(code).toBe(2);
      expect(stderr).toContain('format 2');
    }
    expect(readdirSync(cli.store)).toEqual(before);
    expect(readdirSync(join(cli.store, 'tasks'))).toEqual([]);
    writeFileSync(join(cli.store, 'store.json'), '{"format":1}');
  });

  it('that others may read is refused', async () => {
    const cli = newCli();
    await cli.run('init');
    chmodSync(cli.store, 0o755);
    const { code, stderr } = await cli.run('run', '--', 'true');
    expect(code).toBe(2);
    expect(stderr).toContain('0755');
    expect(stderr).toContain('chmod 700');
  });

  it.runIf(isRoot)('of another owner is refused', async () => {
    const cli = newCli();
    await cli.run('init');
    chownSync(cli.store, 4242, 4242);
    const { code, stderr } = await cli.run('ps');
    expect(code).toBe(2);
    expect(stderr).toContain('uid 4242');
    chownSync(cli.store, 0, 0);
  });

  it.runIf(isRoot)('of another owner is refused, also where it cannot be entered', async () => {
    const cli = newCli({ user: 'plain' });
    await cli.run('init');
    chownSync(cli.store, 4242, 4242);
    for (const args of [['ps'], ['init'], ['run', '--', 'true'], ['mount', cli.base]]) {
      const { code, stderr } = await cli.run(...args);
      expect(stderr).toContain('belongs to another user');
      expect(code).toBe(2);
    }
  });

  it.for([
    ['everybody may write', 0o777, 0],
    ['group 100 may write', 0o775, 100],
  ] as const)(
    'below a directory that %s is refused, with a way out',
    async ([who, mode, group]) => {
      const cli = newCli();
      const shared = join(cli.base, 'shared');
      const store = join(shared, 'deep/store');
      mkdirSync(shared);
      if (isRoot) chownSync(shared, 0, group);
      const link = join(cli.base, 'link');
      symlinkSync(shared, link);
      for (const path of [
        store,
        join(link, 'deep/store'),
        join(cli.base, 'link/deep/../deep/store'),
      ]) {
        chmodSync(shared, mode);
        for (const args of [['init'], ['run', '--', 'true']]) {
          const refused = await cli.run('--store', path, ...args);
          expect(refused.code).toBe(2);
          expect(refused.stderr).toContain(`${shared}, which ${isRoot ? who : ''}`);
          expect(refused.stderr).toContain(`chmod go-w ${shared}`);
        }
        expect(readdirSync(shared)).toEqual([]);
      }
      chmodSync(shared, mode | 0o1000);
      expect((await cli.run('--store', store, 'init')).code).toBe(0);
      chmodSync(shared, mode);
      expect((await cli.run('--store', store, 'ps')).code).toBe(2);
      chmodSync(shared, 0o755);
      expect((await cli.run('--store', store, 'ps')).code).toBe(0);
    },
  );

  it.runIf(isRoot)('below another user’s directory, or behind their link, is refused', async () => {
    const cli = newCli();
    const [theirs, link] = [join(cli.base, 'theirs'), join(cli.base, 'link')];
    mkdirSync(theirs);
    symlinkSync(join(cli.base, 'mine'), link);
    chownSync(theirs, 4242, 4242);
    lchownSync(link, 4242, 4242);
    for (const path of [join(theirs, 'store'), link, join(link, 'store')]) {
      const { code, stderr } = await cli.run('--store', path, 'init');
      expect(code).toBe(2);
      expect(stderr).toContain('belongs to uid 4242');
    }
    expect(readdirSync(cli.base).sort()).toEqual(['link', 'theirs']);
  });

  it('below a directory that only one’s own group may write is not refused', async () => {
    const cli = newCli();
    const own = join(cli.base, 'own');
    mkdirSync(own);
    chmodSync(own, 0o775);
    expect((await cli.run('--store', join(own, 'store'), 'init')).code).toBe(0);
  });

  it('in a directory of something else is refused', async () => {
    const cli = newCli();
    mkdirSync(cli.store);
    writeFileSync(join(cli.store, 'thesis.tex'), '');
    expect((await cli.run('init')).code).toBe(2);
    expect(readdirSync(cli.store)).toEqual(['thesis.tex']);
  });
});

describe('a place that cannot hold a store', () => {
  it('is refused at once, with the reason, and stays as it was', async () => {
    const cli = newCli();
    const file = join(cli.base, 'file');
    writeFileSync(file, 'kept');
    await cli.run('init');
    await cli.run('run', '--name', 'a', '--', 'true');
    symlinkSync(join(cli.store, 'tasks'), join(cli.base, 'link'));
    const [inside, linked] = [join(cli.store, 'tasks/s'), join(cli.base, 'link/s')];
    for (const [place, code, reason] of [
      ['/proc/s', 1, 'no directory can be made in /proc\n'],
      ['/dev/null/s', 2, '/dev/null is not a directory\n'],
      [join(file, 's'), 2, `${file} is not a directory\n`],
      [file, 2, `${file} is not a directory`],
      [inside, 2, `${inside} lies in the store ${cli.store}\n`],
      [linked, 2, `${linked} lies in the store ${cli.store}\n`],
    ] as const) {
      const { code: got, stderr } = await cli.run('--store', place, 'init');
      expect(stderr).toContain(reason);
      expect(stderr).toMatch(/place|directory/);
      expect(stderr).not.toContain('--debug');
      expect([place, got]).toEqual([place, code]);
    }
    expect(existsSync(inside)).toBe(false);
    // An archive's directory that cannot be made, the same way.
    expect(await cli.run('export', 'a', '/proc/s/deep')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no directory can be made in /proc'),
    });
    // A task may keep a store among its files.
    const script = '$T --store "$TASKFS_ARTIFACTS/own" init';
    expect(
      (await cli.script(`$T run --name b -- sh -c '${script.replace('$T', '"$T"')}'`)).code,
    ).toBe(0);
    expect((await cli.run('ls', 'b')).stdout).toContain('own');
  });
});

/** A file system that is full soon. */
function smallDisk(size = '1m'): string {
  const path = temporaryDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', path]);
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return path;
}

describe.runIf(isRoot)('a full disk', () => {
  it('is told where no store can be made', async () => {
    const disk = smallDisk();
    writeFileSync(join(disk, 'filler'), Buffer.alloc(1020 * 1024));
    fillUp(disk);
    const { code, stderr } = await newCli({ store: join(disk, 'store') }).run('init');
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot make a store in \S+: no space left on device\nFree space/);
  });

  it('ends no task whose log it cuts, and is told; every byte is shown all the same', async () => {
    const cli = newCli({ store: join(smallDisk(), 'store') });
    await cli.run('init');
    const script = 'head -c 3000000 /dev/zero; exit 3';
    const ran = await cli.run('run', '--name', 'cut', '--', 'sh', '-c', script);
    expect(ran.code).toBe(3);
    expect(ran.bytes).toHaveLength(3_000_000);
    const logged = (await cli.run('logs', 'cut')).bytes.length;
    expect(logged).toBeGreaterThan(100_000);
    expect(logged).toBeLessThan(1_000_000);
    expect((await cli.run('events', 'cut', '--json')).stdout).toContain('"log-cut"');
    expect(ran.stderr).toContain('the log of task cut is incomplete: no space left on device\n');
    const refused = await cli.run('run', '--name', 'more', '--', 'true');
    expect(refused).toMatchObject({ code: 125 });
    expect(refused.stderr).toContain(`in ${cli.store}: no space left on device\n`);
    expect((await cli.run('status', 'more')).code).toBe(3);
  });

  it('is left some space by the log of a task that prints without end', async () => {
    const disk = smallDisk('100m');
    const cli = newCli({ store: join(disk, 'store') });
    await cli.run('init');
    const script =
      'cd "$TASKFS_ARTIFACTS"; head -c 150M /dev/zero; touch printed; ' +
      'until [ -e seen ]; do sleep 0.1; done';
    await cli.run('run', '-d', '--name', 'endless', '--', 'sh', '-c', script);
    const files = join(cli.store, 'staging', 'endless');
    await until('all is printed', () => existsSync(join(files, 'printed')));
    expect(statSync(join(cli.store, 'tasks', 'endless', 'log')).size).toBeGreaterThan(64 << 20);
    const { bavail, bsize } = statfsSync(disk);
    expect(bavail * bsize).toBeGreaterThan(4 << 20);
    // What is sealed needs as much space again.
    execFileSync('mount', ['-o', 'remount,size=300m', disk]);
    writeFileSync(join(files, 'seen'), '');
    expect((await cli.run('wait', 'endless')).code).toBe(0);
    expect((await cli.run('events', 'endless')).stdout).toMatch(/log-cut .*less than 5.0 MiB left/);
  });

  it('keeps the files where they cannot be sealed; recover seals them later', async () => {
    const disk = smallDisk();
    const cli = newCli({ store: join(disk, 'store') });
    const script = 'head -c 600000 /dev/urandom > "$TASKFS_ARTIFACTS/big"';
    const ran = await cli.run('run', '--name', 'full', '--', 'sh', '-c', script);
    expect(ran.code).toBe(125);
    expect(ran.stderr).toContain('could not be sealed');
    expect(await cli.json('status', 'full', '--json')).toMatchObject({
      status: 'completed',
      artifacts: 'kept',
    });
    expect((await cli.run('cat', 'full', 'big')).bytes).toHaveLength(600_000);
    expect((await cli.run('seal', 'full')).code).toBe(1);
    expect((await cli.run('doctor')).code).toBe(1);
    execFileSync('mount', ['-o', 'remount,size=8m', disk]);
    const recovered = await cli.json('recover', '--json');
    expect(recovered).toEqual([{ task: 'full', outcome: 'sealed', error: null }]);
    expect((await cli.run('cat', 'full', 'big')).bytes).toHaveLength(600_000);
    expect(readdirSync(join(cli.store, 'staging'))).toEqual([]);
  });
});

function fillUp(disk: string): void {
  try {
    for (let number = 0; ; number++)
      writeFileSync(join(disk, `filler-${number}`), Buffer.alloc(4096));
  } catch {
    // Full, as it should be.
  }
}
