import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { detach, unmount } from '../../src/mount/index.ts';
import { mountInBackground } from '../../src/server/index.ts';
import { createStore } from '../../src/store/index.ts';
import { allEnd, putToWork } from '../support/at-work.ts';
import {
  isAttached,
  isMountpoint,
  type MountedStore,
  type MountVariant,
  openMount,
  variants,
} from '../support/mount.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
/** For how long a mount may hang whose server was killed, and whoever uses it. */
const LIMIT_MS = 5000;
const PROGRAM = join(import.meta.dirname, '../support/mount-program.ts');
const isRoot = process.geteuid?.() === 0;
/** Linux 6.9 and later let a server say that its files have no handles. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const hasNoExportSupport = major > 6 || (major === 6 && minor >= 9);

async function mounted(variant: MountVariant) {
  const mount = await openMount(variant);
  onTestFinished(() => mount.close());
  return mount;
}

/** So that files can be mapped by whoever is at work. */
const withSharedMmap = (variant: MountVariant): MountVariant => ({
  ...variant,
  options: { ...variant.options, sharedMmap: true },
});

describe('a mount point', () => {
  async function refusal(make: (directory: string) => Promise<void>) {
    const base = temporaryDirectory();
    const directory = join(base, 'mount');
    await make(directory);
    const error = await mountInBackground(createStore(join(base, 'store')), directory).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(isMountpoint(directory)).toBe(false);
    return error;
  }

  test('below a directory that is missing', async () => {
    const base = temporaryDirectory();
    const store = createStore(join(base, 'store'));
    await expect(mountInBackground(store, join(base, 'no/mount'))).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('does not exist'),
      hint: expect.stringContaining('mkdir -p'),
    });
  });

  test('that is a file', async () => {
    const error = await refusal((path) => writeFile(path, ''));
    expect(error).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('not a directory'),
    });
  });

  test('that is not empty', async () => {
    const error = await refusal(async (path) => {
      await mkdir(path);
      await writeFile(join(path, 'mine'), '');
    });
    expect(error).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining("not empty (it holds 'mine')"),
    });
  });
});

test('a mount point within the store is refused', async () => {
  const base = temporaryDirectory();
  const store = createStore(join(base, 'store'));
  await symlink(store.staging, join(base, 'link'));
  const inside = [store.staging, store.archive, join(base, 'link'), join(store.staging, 'new')];
  for (const path of inside) {
    await expect(mountInBackground(store, path)).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('lies in the store'),
    });
  }
  expect(readdirSync(store.staging)).toEqual([]);
});

test('a mount point that is missing is made, and left', async () => {
  const base = temporaryDirectory();
  const directory = join(base, 'mount');
  const mount = await mountInBackground(createStore(join(base, 'store')), directory);
  onTestFinished(() => (isMountpoint(directory) ? detach(directory) : undefined));
  expect(isMountpoint(mount.mountpoint)).toBe(true);
  await unmount(directory);
  expect(readdirSync(directory)).toEqual([]);
});

describe.each(variants)('a mount ($name)', (variant) => {
  test('is refused where one is already', async () => {
    const { base, mountpoint, run: asUser } = await mounted(variant);
    await symlink(mountpoint, join(base, 'link'));
    for (const path of [mountpoint, join(base, 'link')]) {
      await expect(
        asUser(process.execPath, calling('mountInBackground', base, path)),
      ).rejects.toMatchObject({
        stderr: expect.stringContaining('mounted already'),
      });
    }
  });

  // A handle would have to outlive what the kernel remembers of its file, and none does.
  test.runIf(variant.options.driver === 'kernel' && !isAttached(variant) && hasNoExportSupport)(
    'gives out no file handles',
    async () => {
      const { mountpoint, run: asUser } = await mounted(variant);
      const script = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
handle = ctypes.create_string_buffer((128).to_bytes(4, sys.byteorder), 136)
for path in sys.argv[1:]:
    result = libc.name_to_handle_at(-100, path.encode(), handle, ctypes.byref(ctypes.c_int()), 0)
    print(result, os.strerror(ctypes.get_errno()))`;
      const paths = ['live/one', 'archive'].map((path) => join(mountpoint, path));
      const printed = await asUser('/usr/bin/python3', ['-c', script, ...paths]);
      expect(printed).toBe('-1 Operation not supported\n'.repeat(2));
    },
  );

  test('goes when its server is killed, and nobody who is at work in it hangs', async () => {
    const mount = await mounted(withSharedMmap(variant));
    const workers = await putToWork(mount, variant);
    process.kill(mount.pid, 'SIGKILL');
    await until('the mount is gone', () => !isMountpoint(mount.mountpoint), LIMIT_MS);
    // Whoever has a directory of the disk goes on in it.
    if (isAttached(variant)) for (const worker of workers) worker.kill();
    await allEnd(workers, LIMIT_MS);
  });

  test.each(['live', 'archive'])(
    'goes, and its server ends, at SIGTERM, also with %s in use',
    async (part) => {
      const { mountpoint, pid, occupy } = await mounted(variant);
      const user = await occupy(join(mountpoint, part));
      onTestFinished(() => void user.kill('SIGKILL'));
      process.kill(pid, 'SIGTERM');
      await until('the mount is gone', () => !isMountpoint(mountpoint));
      await until('the server has ended', () => hasEnded(pid));
    },
  );

  test.runIf(isRoot)('ends at SIGTERM also where another mount namespace has a copy', async () => {
    const { mountpoint, pid } = await mounted(variant);
    const script = 'echo in && exec sleep 1000';
    const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    process.kill(pid, 'SIGTERM');
    await until('the server has ended', () => hasEnded(pid));
    expect(isMountpoint(mountpoint)).toBe(false);
  });

  test.runIf(isAttached(variant))(
    'in use ends at SIGTERM, and no mount that was made meanwhile',
    async () => {
      const { base, store, mountpoint, pid, occupy } = await mounted(variant);
      const user = await occupy(join(mountpoint, 'live'));
      onTestFinished(() => void user.kill('SIGKILL'));
      process.kill(pid, 'SIGTERM');
      // The number of its connection is the lowest that is free, and given away again.
      await until('archive/ is gone', () => !isMountpoint(join(mountpoint, 'archive')));
      const views = ['one', 'two', 'three', 'four'].map((name) => join(base, name));
      for (const view of views) {
        await mkdir(view);
        await run('bindfs', ['--no-allow-other', store.path, view]);
        onTestFinished(async () => void (await run('umount', ['-l', view])));
      }
      await until('the server has ended', () => hasEnded(pid));
      for (const view of views) expect((await run('ls', [view])).stdout).toContain('store.json');
    },
  );

  test('that a killed server left behind is cleaned up, then mounted', async () => {
    const mount = await mounted(withSharedMmap(variant));
    const workers = await putToWork(mount, variant);
    await leaveDead(mount);
    if (isAttached(variant)) for (const worker of workers) worker.kill();
    await allEnd(workers, LIMIT_MS);
    const options = JSON.stringify({ ...variant.options, tasks: [] });
    const again = JSON.parse(await mount.run(process.execPath, [PROGRAM, mount.base, options]));
    onTestFinished(() => void process.kill(again.pid, 'SIGKILL'));
    expect(await mount.run('ls', [mount.mountpoint])).toBe('archive\nlive\nlogs\n');
  });

  test('that a killed server left behind is unmounted', async () => {
    const mount = await mounted(variant);
    const { base, mountpoint, run: asUser } = mount;
    await leaveDead(mount);
    await asUser(process.execPath, calling('unmount', base, mountpoint));
    expect(isMountpoint(mountpoint)).toBe(false);
  });

  test.each(['live', 'archive'])(
    'whose %s is in use is not unmounted; then it is, and its server ends',
    async (part) => {
      const { base, mountpoint, pid, occupy, run: asUser } = await mounted(variant);
      const user = await occupy(join(mountpoint, part));
      onTestFinished(() => void user.kill('SIGKILL'));
      const script = calling('unmount', base, mountpoint);
      await expect(asUser(process.execPath, script)).rejects.toMatchObject({
        stderr: expect.stringContaining('is in use'),
      });
      user.kill('SIGKILL');
      await until('it is unmounted', () =>
        asUser(process.execPath, script).then(
          () => true,
          () => false,
        ),
      );
      expect(isMountpoint(mountpoint)).toBe(false);
      await until('the server has ended', () => hasEnded(pid));
    },
  );
});

// All at once: each takes as long as a mount may take to answer.
test('hung mounts of every kind are distinguished from dead ones, and unmounted', async () => {
  const hang = async (variant: MountVariant): Promise<string> => {
    const { base, mountpoint, pid, run: asUser } = await mounted(variant);
    process.kill(pid, 'SIGSTOP');
    // Where this fails, its clean-up needs a server that answers.
    onTestFinished(() => void (hasEnded(pid) || process.kill(pid, 'SIGCONT')));
    await until('each of its threads to stand still', () =>
      threadStates(pid).every((s) => s === 'T'),
    );
    const state = await asUser(process.execPath, calling('probeMount', base, mountpoint));
    await asUser(process.execPath, calling('unmount', base, mountpoint));
    expect(isMountpoint(mountpoint)).toBe(false);
    return state.trim();
  };
  expect(await Promise.all(variants.map(hang))).toEqual(variants.map(() => 'hung'));
});

test('unmounting where nothing is mounted is refused', async () => {
  await expect(unmount(temporaryDirectory())).rejects.toMatchObject({
    kind: 'usage',
    message: expect.stringContaining('no taskfs is mounted'),
  });
});

/** The states of a process's threads, as proc_pid_stat(5) names them. */
function threadStates(pid: number): (string | undefined)[] {
  const stats = readdirSync(`/proc/${pid}/task`).map((id) =>
    readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8'),
  );
  return stats.map((stat) => stat.slice(stat.lastIndexOf(')')).split(' ')[1]);
}

/** Runs the mount program; gives what it says on stderr as it fails. */
async function complaint(program: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const result = await run(program, [...args], { env }).catch((error) => error);
  return String(result.stderr);
}

describe.runIf(isRoot)('a machine', () => {
  const options = JSON.stringify({ tasks: [] });

  test('without /dev/fuse', async () => {
    const base = temporaryDirectory();
    const script =
      'mount -t tmpfs none /dev && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9 && exec "$@"';
    const args = ['-m', 'sh', '-c', script, 'sh', process.execPath, PROGRAM, base, options];
    const said = await complaint('unshare', args, process.env);
    expect(said).toContain('there is no /dev/fuse');
    expect(said).toContain('modprobe fuse');
  });

  test('whose /dev/fuse is for root only, and without fusermount3', async () => {
    const base = temporaryDirectory();
    await chmod(base, 0o755);
    await chown(base, 65534, 65534);
    const node = [process.execPath, PROGRAM, base, options];
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const helperless = { PATH: '/nowhere', HOME: base };
    const setpriv = (await run('which', ['setpriv'])).stdout.trim();
    expect(await complaint(setpriv, [...nobody, ...node], helperless)).toContain(
      'fusermount3 is not installed',
    );
    const script = 'mount --bind "$0" /dev/fuse && chmod 600 /dev/fuse && exec "$@"';
    await writeFile(join(base, 'device'), '');
    const closed = ['-m', 'sh', '-c', script, join(base, 'device'), 'setpriv', ...nobody, ...node];
    await run('rm', ['-r', join(base, 'store'), join(base, 'mount')]);
    expect(await complaint('unshare', closed, process.env)).toContain('may not be opened by you');
  });
});

const STORE = source('store/index.ts');
/** The files that declare what is called: the folders' doors export less. */
const DECLARED_IN = {
  mountInBackground: source('server/background.ts'),
  probeMount: source('mount/probe.ts'),
  unmount: source('mount/unmount.ts'),
};

function source(path: string): string {
  return JSON.stringify(join(import.meta.dirname, '../../src', path));
}

/** Arguments for node: calls one function and prints what it gives. */
function calling(name: keyof typeof DECLARED_IN, base: string, path: string) {
  const before =
    name === 'mountInBackground' ? `openStore(${JSON.stringify(`${base}/store`)}), ` : '';
  const script = `import { ${name} } from ${DECLARED_IN[name]};
import { openStore } from ${STORE};
console.log(await ${name}(${before}${JSON.stringify(path)}));`;
  return ['--input-type=module', '-e', script];
}

/**
 * Leaves a mount behind as a power cut of everything but the kernel would, its attributes still in
 * the kernel's cache.
 */
async function leaveDead({ mountpoint, pid, run: asUser }: MountedStore): Promise<void> {
  await asUser('stat', [mountpoint]);
  await killWithChildren(pid);
  await until(
    'nobody serves the mount',
    () =>
      asUser('ls', [mountpoint]).then(
        () => false,
        ({ stderr }) => /not connected|connection abort/.test(stderr),
      ),
    LIMIT_MS,
  );
}

function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

/** kill -9 of a server and of whoever would clean up after it: what a power cut of all leaves. */
async function killWithChildren(pid: number): Promise<void> {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  for (const child of children.split(' ').filter(Boolean)) process.kill(Number(child), 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until('the server has ended', () => hasEnded(pid));
}
