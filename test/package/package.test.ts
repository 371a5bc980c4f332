import { execFile } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { describeWithEngine } from '../support/engine.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

interface Manifest {
  readonly bin: { readonly taskfs: string };
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** A package in npm-shrinkwrap.json. */
interface Pinned {
  readonly dev?: boolean;
  readonly version: string;
  readonly integrity: string;
}

/** Packing builds, in the checkout. */
const canBuild = isWritable(root);

/** The packed package, unpacked where npm would install it, and its main module. */
let installed: string;
let main: string;
/** What npm links into a directory of the path. */
let command: string;

beforeAll(async () => {
  if (!canBuild) return;
  installed = mkdtempSync(join(tmpdir(), 'taskfs-package-'));
  const options = { cwd: root, maxBuffer: 16 << 20 };
  await run('npm', ['pack', '--silent', '--pack-destination', installed], options);
  const modules = join(installed, 'node_modules');
  mkdirSync(modules);
  await run('sh', ['-c', `tar -xzf ${installed}/*.tgz -C ${modules} && mv package taskfs`], {
    cwd: modules,
  });
  const manifest: Manifest = JSON.parse(readFileSync(join(modules, 'taskfs/package.json'), 'utf8'));
  // Nothing but what it names: a package that it uses and does not name is not found.
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    if (!existsSync(join(root, 'node_modules', name))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  main = join(modules, 'taskfs', 'dist/main.js');
  command = join(modules, 'taskfs', manifest.bin.taskfs);
}, 120_000);

afterAll(() => {
  if (canBuild) rmSync(installed, { recursive: true, force: true });
});

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** More than one block of plaintext, so that sealing it takes the threads that encrypt. */
const BIG = 'head -c 5000000 /dev/zero > "$TASKFS_ARTIFACTS/zeros"';

/** What each supervisor may take: hundreds of them may wait at once. */
const SUPERVISOR_MIB = 80;

/**
 * Starts a task, in the foreground and detached, and looks at the most that their supervisors have
 * taken; the detached one does something else before.
 */
async function memoryOfSupervisors(
  cli: Cli,
  options: readonly string[],
  before: string,
): Promise<number[]> {
  const ready = 'touch "$TASKFS_ARTIFACTS/ready"; sleep 3600';
  const command = [...options, '--', 'sh', '-c'];
  cli.start('run', '--name', 'near', ...command, ready);
  await cli.run('run', '-d', '--name', 'far', ...command, `${before}; ${ready}`);
  const look = async (task: string): Promise<number> => {
    await until(`${task} runs`, () => existsSync(join(cli.store, 'staging', task, 'ready')));
    const { supervisorPid } = await cli.json('status', task, '--json');
    const status = readFileSync(`/proc/${supervisorPid}/status`, 'utf8');
    return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1]) / 1024;
  };
  const taken = [await look('near'), await look('far')];
  await cli.run('cancel', '--kill', 'near', 'far');
  await cli.run('wait', 'near', 'far');
  return taken;
}

describe.runIf(canBuild)('the packed package (needs a checkout that may be built in)', () => {
  it('tells its version and its verbs', async () => {
    const cli = newCli({ main });
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(await cli.run('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
    expect((await cli.run('run', '--help')).stdout).toContain('--image');
    expect((await cli.run('complete', '--', 'stat')).stdout).toBe('status\n');
  });

  it('pins what is installed with it, by hash, from whichever registry', () => {
    const text = readFileSync(join(installed, 'node_modules/taskfs/npm-shrinkwrap.json'), 'utf8');
    expect(text).not.toContain('"resolved"');
    const { packages } = JSON.parse(text) as { packages: Record<string, Pinned> };
    const { '': own, ...others } = packages;
    expect(Object.keys(others)).toEqual(
      expect.arrayContaining(['node_modules/koffi', 'node_modules/fuse-native']),
    );
    expect(own).not.toHaveProperty('devDependencies');
    for (const [name, { dev, version, integrity }] of Object.entries(others)) {
      expect.soft({ name, dev, version, integrity }).toEqual({
        name,
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        integrity: expect.stringMatching(/^sha512-/),
      });
    }
    // In a checkout npm would take it for its lock file.
    expect(existsSync(join(root, 'npm-shrinkwrap.json'))).toBe(false);
  });

  it('brings the license of each package that is bundled', () => {
    const path = join(installed, 'node_modules/taskfs/dist/third-party-licenses.txt');
    const [, ...licenses] = readFileSync(path, 'utf8').split(/^(?=\S+ \d+\.\d+\.\d+ \(.+\)$)/m);
    expect(licenses.length).toBeGreaterThan(10);
    for (const license of licenses) {
      const [name] = license.split('\n');
      expect.soft(license, name).toMatch(/copyright/i);
      expect.soft(license, name).toMatch(/permission|redistribution|licensed under|license/i);
      expect.soft(license.length, name).toBeGreaterThan(500);
    }
    expect(licenses.some((text) => /^split-ca [\s\S]*Charles Bushong/.test(text))).toBe(true);
  });

  it('has a command that keeps ignored signals, and the options of Node for the task', async () => {
    const link = join(newCli().base, 'taskfs');
    symlinkSync(command, link);
    const { base } = newCli({ main });
    const script = `trap '' INT; exec ${link} --store ${base}/s run -- sh -c 'kill -INT $PPID; exit 5'`;
    const env = { ...process.env, NODE_OPTIONS: '--no-such-option' };
    await expect(run('sh', ['-c', script], { env })).rejects.toMatchObject({ code: 5 });
  });

  it(`supervises a task with less than ${SUPERVISOR_MIB} MiB, also one that prints much`, async () => {
    const cli = newCli({ main });
    await cli.run('init');
    const taken = await memoryOfSupervisors(cli, [], 'head -c 50000000 /dev/zero');
    for (const mib of taken) expect(mib).toBeLessThan(SUPERVISOR_MIB);
  });

  it('mounts, watches, runs, seals with threads, reads back and verifies', async () => {
    const cli = newCli({ main });
    const mountpoint = join(cli.base, 'mnt');
    mkdirSync(mountpoint);
    expect(await cli.run('mount', mountpoint)).toMatchObject({ code: 0 });
    const wait = 'until [ -e "$TASKFS_ARTIFACTS/go" ]; do sleep 0.05; done';
    await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', `${BIG}; ${wait}`);
    const watching = cli.run('watch', 't', '--json');
    await run('sh', ['-c', `echo hi > ${mountpoint}/live/t/go`], { timeout: 20_000 });
    expect((await watching).stdout).toContain('"go"');
    expect((await cli.run('wait', 't')).code).toBe(0);
    const { stdout } = await run('cat', [join(mountpoint, 'archive/t/go')], { timeout: 20_000 });
    expect(stdout).toBe('hi\n');
    expect((await cli.run('cat', 't', 'zeros')).bytes.equals(Buffer.alloc(5_000_000))).toBe(true);
    expect((await cli.run('preview', 't', 'go')).code).toBe(0);
    expect((await cli.run('verify')).code).toBe(0);
    expect((await cli.run('export', 't', join(cli.base, 'out'))).code).toBe(0);
    expect(readFileSync(join(cli.base, 'out', 'go'), 'utf8')).toBe('hi\n');
    expect((await cli.run('unmount', mountpoint)).code).toBe(0);
  });
});

/** The command line with a cache of its own, and where that keeps the code of `run`. */
function newCachingCli(): { readonly cli: Cli; readonly code: string } {
  const caches = mkdtempSync(join(tmpdir(), 'taskfs-caches-'));
  onTestFinished(() => rmSync(caches, { recursive: true, force: true }));
  const cli = newCli({ main, env: { XDG_CACHE_HOME: caches } });
  return { cli, code: join(caches, 'taskfs/code', `${process.version}-${process.arch}`, 'run') };
}

/** Code that must not be run: what is in the file, as it was written, and whose it is. */
const refused: Readonly<Record<string, (code: string) => void>> = {
  'cut off': (code) => truncateSync(code, 1000),
  'changed in its middle': (code) => {
    const bytes = readFileSync(code);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1);
    writeFileSync(code, bytes);
  },
  empty: (code) => truncateSync(code),
  'of others to write': (code) => chmodSync(code, 0o666),
  ...(process.getuid?.() === 0 && { "another user's": (code) => chownSync(code, 65534, 65534) }),
};

describe.runIf(canBuild)('compiled code that the packed package keeps', () => {
  it('is kept from the first run on, for its owner alone', async () => {
    const { cli, code } = newCachingCli();
    await cli.run('run', '--', 'true');
    const { mode, ino } = statSync(code);
    expect(mode & 0o777).toBe(0o600);
    expect(await cli.run('run', '--', 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(statSync(code).ino).toBe(ino);
    expect(readdirSync(dirname(code))).toEqual(['run']);
  });

  it.each(Object.entries(refused))('is made anew where it is %s', async (_how, spoil) => {
    const { cli, code } = newCachingCli();
    await cli.run('run', '--', 'true');
    spoil(code);
    const { ino } = statSync(code);
    expect(await cli.run('run', '--', 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(statSync(code)).not.toMatchObject({ ino });
    expect(statSync(code)).toMatchObject({ uid: process.getuid?.(), mode: 0o100600 });
  });

  it('is made anew for another installation, which has another koffi', async () => {
    const { cli, code } = newCachingCli();
    await cli.run('run', '--', 'true');
    const { ino } = statSync(code);
    const other = `${installed}-other`;
    onTestFinished(() => rmSync(other, { recursive: true, force: true }));
    await run('cp', ['-a', installed, other]);
    const elsewhere = join(other, relative(installed, main));
    const env = { XDG_CACHE_HOME: dirname(dirname(dirname(dirname(code)))) };
    const there = newCli({ main: elsewhere, env });
    expect(await there.run('run', '--', 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(statSync(code)).not.toMatchObject({ ino });
    expect(await cli.run('run', '--', 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' });
  });

  it('is done without where it cannot be kept', async () => {
    const { cli, code } = newCachingCli();
    mkdirSync(dirname(dirname(code)), { recursive: true });
    writeFileSync(dirname(code), '');
    expect(await cli.run('run', '--', 'echo', 'hi')).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(await cli.run('run', '--', 'false')).toMatchObject({ code: 1 });
  });
});

describeWithEngine('the packed package with an engine', ({ image, host }) => {
  it.runIf(canBuild)('runs in a container, in the foreground and detached', async () => {
    const cli = newCli({ main, env: { DOCKER_HOST: host } });
    const args = ['--image', image, '--', 'sh', '-c', 'echo hi | tee /artifacts/f'];
    expect(await cli.run('run', ...args)).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect((await cli.run('run', '-d', '--name', 'd', ...args)).code).toBe(0);
    expect((await cli.run('wait', 'd')).code).toBe(0);
    expect((await cli.run('cat', 'd', 'f')).stdout).toBe('hi\n');
  });

  it.runIf(canBuild)(`supervises a container with less than ${SUPERVISOR_MIB} MiB`, async () => {
    const cli = newCli({ main, env: { DOCKER_HOST: host } });
    await cli.run('init');
    const taken = await memoryOfSupervisors(cli, ['--image', image], 'true');
    for (const mib of taken) expect(mib).toBeLessThan(SUPERVISOR_MIB);
  });
});
