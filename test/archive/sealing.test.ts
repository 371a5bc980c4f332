import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ArchiveReader, IndexEntry } from '../../src/archive/index.ts';
import { openArchive, unlockArchive } from '../../src/archive/index.ts';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { removePlaintext, type SealProgress, sealTask } from '../../src/archive/write/index.ts';
import {
  keyPaths,
  listRecipients,
  loadIdentities,
  writeTaskRecipients,
} from '../../src/store/index.ts';
import { mkdirAt, openAt } from '../../src/sys/index.ts';
import { endedTask, type SealableTask, storeWithKeys } from '../support/sealable.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const isRoot = process.getuid?.() === 0;

async function open({ store, paths }: SealableTask): Promise<ArchiveReader> {
  const keys = await unlockArchive(paths.archive, await loadIdentities(store));
  const reader = openArchive(paths.archive, keys);
  onTestFinished(() => reader.close());
  return reader;
}

function find(reader: ArchiveReader, path: string): IndexEntry {
  return path.split('/').reduce((entry, name) => {
    const found = reader.lookup(entry, Buffer.from(name));
    if (!found) throw new Error(`${path} is not in the archive`);
    return found;
  }, reader.root());
}

function content(reader: ArchiveReader, path: string): string {
  const entry = find(reader, path);
  const bytes = Buffer.alloc(entry.size);
  reader.read(entry, bytes, 0);
  return bytes.toString();
}

/**
 * Nested directories named d, with a file at the bottom; through descriptors, since no path is so
 * long.
 */
function makeDeep(top: string, depth: number): void {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY;
  let fd = openSync(top, flags);
  for (let level = 0; level < depth; level++) {
    mkdirAt(fd, 'd', 0o755);
    const below = openAt(fd, 'd', flags);
    closeSync(fd);
    fd = below;
  }
  const file = openAt(fd, 'file', constants.O_WRONLY | constants.O_CREAT, 0o644);
  writeSync(file, 'bottom');
  closeSync(file);
  closeSync(fd);
}

/** Until the file system's clock, which ticks every few milliseconds, is beyond a file's time. */
async function untilLater(path: string): Promise<void> {
  const { ctimeMs } = statSync(path);
  const clock = join(temporaryDirectory(), 'clock');
  await until('the clock has ticked', () => {
    writeFileSync(clock, '');
    return statSync(clock).ctimeMs > ctimeMs;
  });
}

const names = (reader: ArchiveReader): string[] =>
  [...reader.list(reader.root(), 0)].map(({ entry }) => entry.name.toString());

describe('what the system before this one lost', () => {
  test('a symlink to a file outside is archived as a link, and the file is not read', async () => {
    const sealable = endedTask(await storeWithKeys(), 'links');
    const outside = join(temporaryDirectory(), 'outside');
    writeFileSync(outside, 'OUTSIDE-CONTENT');
    execFileSync('ln', ['-s', outside, join(sealable.paths.staging, 'link')]);
    execFileSync('ln', ['-s', '/etc', join(sealable.paths.staging, 'directory')]);
    await sealTask(sealable.store, sealable.task);
    const reader = await open(sealable);
    expect(find(reader, 'link')).toMatchObject({ type: 'symlink', target: Buffer.from(outside) });
    expect(find(reader, 'directory')).toMatchObject({
      type: 'symlink',
      target: Buffer.from('/etc'),
    });
  });

  test('nested files survive', async () => {
    const sealable = endedTask(await storeWithKeys(), 'nested');
    mkdirSync(join(sealable.paths.staging, 'one/two/three'), { recursive: true });
    writeFileSync(join(sealable.paths.staging, 'one/two/three/file'), 'nested');
    await sealTask(sealable.store, sealable.task);
    removePlaintext(sealable.store, sealable.task);
    expect(existsSync(sealable.paths.staging)).toBe(false);
    expect(existsSync(sealable.paths.log)).toBe(false);
    expect(content(await open(sealable), 'one/two/three/file')).toBe('nested');
  });

  test.runIf(isRoot)(
    'a full disk (as root only) keeps staging, leaves no partial archive; a later seal completes',
    async () => {
      const disk = temporaryDirectory();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
      onTestFinished(() => void execFileSync('umount', ['-l', disk]));
      const sealable = endedTask(await storeWithKeys(join(disk, 'store')), 'full');
      const { staging, archive } = sealable.paths;
      writeFileSync(join(staging, 'data'), Buffer.alloc(5_000_000, 'x'));
      writeFileSync(join(disk, 'filler'), Buffer.alloc(6_000_000));
      await expect(sealTask(sealable.store, sealable.task)).rejects.toMatchObject({
        kind: 'failed',
        message: expect.stringContaining('no space left on device'),
      });
      expect(readdirSync(sealable.store.archive)).toEqual([]);
      expect(statSync(join(staging, 'data')).size).toBe(5_000_000);
      expect(statSync(staging).mode & 0o777).toBe(0o700);
      expect(() => removePlaintext(sealable.store, sealable.task)).toThrow('is not sealed');
      rmSync(join(disk, 'filler'));
      await sealTask(sealable.store, sealable.task);
      expect(existsSync(archive)).toBe(true);
      expect(content(await open(sealable), 'data')).toHaveLength(5_000_000);
    },
  );
});

describe('trees of every kind', () => {
  test('an empty tree, and no tree at all', async () => {
    const store = await storeWithKeys();
    const empty = endedTask(store, 'empty');
    const none = endedTask(store, 'none');
    rmSync(none.paths.staging, { recursive: true });
    rmSync(none.paths.log);
    for (const sealable of [empty, none]) {
      expect(await sealTask(store, sealable.task)).toMatchObject({ files: 0, skipped: [] });
      expect(names(await open(sealable))).toEqual([]);
    }
    expect((await open(none)).logSize()).toBe(0);
  });

  test('sockets and pipes are recorded as skipped', async () => {
    const sealable = endedTask(await storeWithKeys(), 'special');
    const { staging } = sealable.paths;
    const server = createServer().listen(join(staging, 'socket'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    execFileSync('mkfifo', [join(staging, 'pipe')]);
    const { skipped } = await sealTask(sealable.store, sealable.task);
    expect(skipped).toEqual([
      { path: 'pipe', type: 'fifo' },
      { path: 'socket', type: 'socket' },
    ]);
    const reader = await open(sealable);
    expect(find(reader, 'pipe').type).toBe('fifo');
    expect(find(reader, 'socket').type).toBe('socket');
  });

  test('a hard link is one file by two names', async () => {
    const sealable = endedTask(await storeWithKeys(), 'hard');
    const { staging } = sealable.paths;
    mkdirSync(join(staging, 'directory'));
    writeFileSync(join(staging, 'one'), 'same');
    execFileSync('ln', [join(staging, 'one'), join(staging, 'directory/two')]);
    await sealTask(sealable.store, sealable.task);
    const reader = await open(sealable);
    const [one, two] = [find(reader, 'one'), find(reader, 'directory/two')];
    expect(one.position).toBe(two.position);
    expect(one).toMatchObject({ nlink: 2, size: 4 });
    expect(content(reader, 'one')).toBe('same');
  });

  test('3,000 directories deep', async () => {
    const sealable = endedTask(await storeWithKeys(), 'deep');
    makeDeep(sealable.paths.staging, 3000);
    await sealTask(sealable.store, sealable.task);
    const reader = await open(sealable);
    expect(content(reader, [...Array(3000).fill('d'), 'file'].join('/'))).toBe('bottom');
  });

  test('so many files, and so large ones, that threads seal them', async () => {
    const sealable = endedTask(await storeWithKeys(), 'threads');
    const { store, task, paths } = sealable;
    const many = Array.from({ length: 1500 }, (_, number) => `directory-${number % 40}/${number}`);
    for (let number = 0; number < 40; number++)
      mkdirSync(join(paths.staging, `directory-${number}`));
    for (const name of many) writeFileSync(join(paths.staging, name), `this is ${name}`);
    const large = randomBytes(40_000_000);
    writeFileSync(join(paths.staging, 'directory-7/large'), large);
    writeFileSync(join(paths.staging, 'holes'), 'begins');
    truncateSync(join(paths.staging, 'holes'), 2 ** 40);
    linkSync(join(paths.staging, 'directory-7/large'), join(paths.staging, 'hard'));
    const steps: number[] = [];
    const onProgress = ({ bytes, totalBytes }: SealProgress): void =>
      void steps.push(bytes / totalBytes);
    expect(await sealTask(store, task, { onProgress })).toMatchObject({ files: 1502 });
    expect(steps).toEqual([...steps].sort((one, two) => one - two));
    expect(Math.max(...steps)).toBeLessThanOrEqual(1);
    const identities = await loadIdentities(store);
    expect((await verifyArchives(store, { deep: true, identities })).findings).toEqual([]);
    const reader = await open(sealable);
    for (const name of many) expect(content(reader, name)).toBe(`this is ${name}`);
    const entry = find(reader, 'hard');
    const bytes = Buffer.alloc(entry.size);
    reader.read(entry, bytes, 0);
    expect(bytes.equals(large)).toBe(true);
    expect(find(reader, 'holes').size).toBe(2 ** 40);
    expect(statSync(join(paths.archive, 'artifacts.tar.enc')).size).toBeLessThan(50_000_000);
  });

  test('a plain user seals files and directories of mode 0000, and their modes stay', () => {
    const home = temporaryDirectory();
    execFileSync('chmod', ['1777', home]);
    const program = join(import.meta.dirname, '../support/seal-modes-program.ts');
    const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const command = [process.execPath, program, join(home, 'store')];
    const [file = '', ...args] = isRoot ? [...asNobody, ...command] : command;
    const output = execFileSync(file, args, { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      archived: {
        secret: ['hidden', 0],
        'closed/inner': ['inside', 0o400],
        'closed/many-1199': ['1199', 0o600],
        'closed/many-1100': ['1100', 0],
        closed: 0,
      },
      onDisk: { secret: 0, closed: 0 },
    });
  });
});

describe('sealing', () => {
  test('is done once: a committed archive stays as it is', async () => {
    const sealable = endedTask(await storeWithKeys(), 'once');
    writeFileSync(join(sealable.paths.staging, 'file'), 'first');
    const { bytes, files } = await sealTask(sealable.store, sealable.task);
    const seal = readFileSync(join(sealable.paths.archive, 'seal.json'));
    writeFileSync(join(sealable.paths.aside, 'file'), 'second');
    expect(await sealTask(sealable.store, sealable.task)).toMatchObject({ bytes, files });
    expect(readFileSync(join(sealable.paths.archive, 'seal.json'))).toEqual(seal);
  });

  test('discards what an attempt cut short left behind', async () => {
    const sealable = endedTask(await storeWithKeys(), 'stale');
    const partial = join(sealable.store.archive, '.stale.partial');
    mkdirSync(partial);
    writeFileSync(join(partial, 'artifacts.tar.enc'), 'half');
    await sealTask(sealable.store, sealable.task);
    expect(readdirSync(sealable.store.archive)).toEqual(['stale']);
  });

  test('needs no identity; without one nothing opens', async () => {
    const sealable = endedTask(await storeWithKeys(), 'writeonly');
    rmSync(keyPaths(sealable.store).identity);
    await sealTask(sealable.store, sealable.task);
    expect(await loadIdentities(sealable.store)).toEqual([]);
    await expect(unlockArchive(sealable.paths.archive, [])).rejects.toMatchObject({
      kind: 'wrong-key',
    });
  });

  test('to nobody is refused, with staging as it was', async () => {
    const sealable = endedTask(await storeWithKeys(), 'nobody');
    writeFileSync(keyPaths(sealable.store).recipients, '# nobody\n');
    writeFileSync(join(sealable.paths.staging, 'file'), 'kept');
    await expect(sealTask(sealable.store, sealable.task)).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no recipients'),
    });
    expect(readFileSync(join(sealable.paths.staging, 'file'), 'utf8')).toBe('kept');
    expect(readdirSync(sealable.store.archive)).toEqual([]);
  });

  test("a stranger's identity is a wrong key, not damage", async () => {
    const sealable = endedTask(await storeWithKeys(), 'mine');
    const theirs = await storeWithKeys();
    // What key add --task keeps for later changes of keys is not signed: sealing does not use it.
    writeTaskRecipients(sealable.store, sealable.task, listRecipients(theirs));
    await sealTask(sealable.store, sealable.task);
    const stranger = await loadIdentities(theirs);
    await expect(unlockArchive(sealable.paths.archive, stranger)).rejects.toMatchObject({
      kind: 'wrong-key',
    });
  });

  test('a file that somebody has open for writing is waited for, then kept, whole', async () => {
    const sealable = endedTask(await storeWithKeys(), 'busy');
    const file = join(sealable.paths.staging, 'growing');
    writeFileSync(file, 'early\n');
    const fd = openSync(file, 'a');
    await expect(sealTask(sealable.store, sealable.task)).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining("'growing' is still open for writing"),
    });
    expect(readFileSync(file, 'utf8')).toBe('early\n');
    const sealed = sealTask(sealable.store, sealable.task, { patienceMs: 60_000 });
    await until('its name is taken away', () => !existsSync(file));
    writeFileSync(fd, 'late\n');
    closeSync(fd);
    expect(await sealed).toMatchObject({ files: 1 });
    expect(find(await open(sealable), 'growing').size).toBe('early\nlate\n'.length);
  });

  test('who stays in the directory and goes on writing loses nothing', async () => {
    const sealable = endedTask(await storeWithKeys(), 'inside');
    const counter = 'cd "$1"; i=0; while :; do echo $((i += 1)) >> "lines" || exit; done';
    const writer = spawn('bash', ['-c', counter, '-', sealable.paths.staging]);
    onTestFinished(() => void writer.kill('SIGKILL'));
    const lines = join(sealable.paths.staging, 'lines');
    await until('it writes', () => existsSync(lines));
    // On a busy machine it may not come to write while one seal takes.
    await until('it is in the way', async () => {
      const result = await sealTask(sealable.store, sealable.task).catch((error) => error);
      rmSync(sealable.paths.archive, { recursive: true, force: true });
      return result instanceof Error && result.message.includes("'lines' is still");
    });
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const written = statSync(lines).size;
    await sealTask(sealable.store, sealable.task);
    expect(find(await open(sealable), 'lines').size).toBe(written);
  });

  test('what is written between the seal and the removal stays, and is named', async () => {
    const sealable = endedTask(await storeWithKeys(), 'between');
    const { aside, staging } = sealable.paths;
    writeFileSync(join(staging, 'file'), 'early\n');
    await sealTask(sealable.store, sealable.task);
    appendFileSync(join(aside, 'file'), 'late\n');
    expect(() => removePlaintext(sealable.store, sealable.task)).toThrow("'file' of task between");
    expect(readFileSync(join(aside, 'file'), 'utf8')).toBe('early\nlate\n');
    rmSync(join(aside, 'file'));
    mkdirSync(join(staging, 'again'), { recursive: true });
    writeFileSync(join(staging, 'again/new'), 'made anew');
    expect(() => removePlaintext(sealable.store, sealable.task)).toThrow("'again/new' of task");
    rmSync(join(staging, 'again/new'));
    removePlaintext(sealable.store, sealable.task);
    expect(readdirSync(sealable.store.staging)).toEqual([]);
  });

  test('what keeps its name loses it once it is sealed, or after two attempts', async () => {
    const store = await storeWithKeys();
    const [quiet, changed, held] = ['quiet', 'changed', 'held'].map((name) => {
      const sealable = endedTask(store, name);
      writeFileSync(join(sealable.paths.staging, 'file'), 'early\n');
      // So large that there is progress to tell of.
      writeFileSync(join(sealable.paths.staging, 'large'), Buffer.alloc(20_000_000, 'x'));
      return sealable;
    }) as [SealableTask, SealableTask, SealableTask];
    await untilLater(join(held.paths.staging, 'large'));
    const isNamed = new Set<boolean>();
    await sealTask(store, quiet.task, {
      keepsName: true,
      onProgress: () => isNamed.add(existsSync(quiet.paths.staging)),
    });
    let wasAdded = false;
    await sealTask(store, changed.task, {
      keepsName: true,
      onProgress: () => {
        isNamed.add(existsSync(changed.paths.staging));
        if (!wasAdded) appendFileSync(join(changed.paths.staging, 'file'), 'late\n');
        wasAdded = true;
      },
    });
    expect([...isNamed]).toEqual([true]);
    const writer = openSync(join(held.paths.staging, 'file'), 'a');
    const sealed = sealTask(store, held.task, { keepsName: true, patienceMs: 60_000 });
    await until('it has lost its name', () => existsSync(held.paths.aside));
    writeSync(writer, 'late\n');
    closeSync(writer);
    await sealed;
    for (const { task, paths } of [quiet, changed, held]) {
      expect([paths.staging, paths.aside].map((path) => existsSync(path))).toEqual([false, true]);
      removePlaintext(store, task);
    }
    for (const each of [changed, held]) {
      expect(content(await open(each), 'file')).toBe('early\nlate\n');
    }
    expect(readdirSync(store.staging)).toEqual([]);
  });

  test('what is late stays, whatever times it bears, and so does what is open', async () => {
    const sealable = endedTask(await storeWithKeys(), 'late');
    const { aside, staging, log } = sealable.paths;
    const outside = join(sealable.store.path, 'outside');
    for (const path of [join(staging, 'file'), join(staging, 'linked'), outside]) {
      writeFileSync(path, 'early\n');
    }
    linkSync(join(staging, 'linked'), join(staging, 'other'));
    execFileSync('touch', ['-d', '2001-01-01', join(staging, 'file'), outside]);
    await untilLater(outside);
    await sealTask(sealable.store, sealable.task);
    const remove = (): void => removePlaintext(sealable.store, sealable.task);
    const shell = (script: string): Buffer => execFileSync('sh', ['-c', script], { cwd: aside });
    shell('echo late > new; touch -d 2001-01-01 new');
    expect(remove).toThrow("'new' of task late was written after it was sealed");
    shell(`rm new; mv ${outside} moved`);
    expect(remove).toThrow("'moved' of task late was written after it was sealed");
    shell('rm moved');
    const fd = openSync(join(aside, 'file'), 'a');
    expect(remove).toThrow("'file' of task late is still open for writing");
    closeSync(fd);
    shell('cp -p file old; echo late >> file; touch -r old file; rm old');
    expect(remove).toThrow("'file' of task late was written after it was sealed");
    // Since that is removed, and as if a removal had been cut short after one of two names.
    rmSync(join(aside, 'file'));
    rmSync(log);
    rmSync(join(aside, 'other'));
    remove();
    expect(readdirSync(sealable.store.staging)).toEqual([]);
  });

  test('a directory swapped for a symlink again and again never leads outside', async () => {
    const sealable = endedTask(await storeWithKeys(), 'swapped');
    const outside = temporaryDirectory();
    writeFileSync(join(outside, 'secret'), 'OUTSIDE-CONTENT');
    const script = `mkdir d real; printf inside > d/secret; ln -s "$1" l; i=0
      while :; do mv -T d real/d; mv -T l d; mv -T d l; mv -T real/d d; done 2>/dev/null`;
    const cwd = sealable.paths.staging;
    const swapper = spawn('bash', ['-c', script, '-', outside], { cwd, detached: true });
    const ended = once(swapper, 'exit');
    // With the mv that it has started, or there would be no end to what is to be removed.
    onTestFinished(async () => {
      process.kill(-(swapper.pid ?? Number.NaN), 'SIGKILL');
      await ended;
    });
    for (let round = 0; round < 20; round++) {
      const sealed = await sealTask(sealable.store, sealable.task).catch(() => undefined);
      if (!sealed) continue;
      const { archive } = sealable.paths;
      const reader = await open(sealable);
      for (const { entry } of reader.list(reader.root(), 0)) {
        if (entry.type !== 'directory') continue;
        const secret = reader.lookup(entry, Buffer.from('secret'));
        if (!secret) continue;
        const bytes = Buffer.alloc(secret.size);
        reader.read(secret, bytes, 0);
        expect(bytes.toString()).toBe('inside');
      }
      rmSync(archive, { recursive: true });
    }
  });
});
