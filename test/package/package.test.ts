import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { verbs } from '../../src/cli/verbs.ts';
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
const SUPERVISOR_MIB = 90;

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
    expect((await cli.run('complete', '--', 'stat')).stdout).toBe('status\nstats\n');
  });

  it('loads no library for --help', async () => {
    const env = { ...process.env, NODE_DEBUG: 'module' };
    const { stderr } = await run(process.execPath, [main, '--help'], { env, maxBuffer: 16 << 20 });
    expect(stderr).toContain('command-line');
    expect(stderr).not.toMatch(/koffi|yargs|store-/);
  });

  it('hears no warning of Node where the engine is at a port', async () => {
    // Node spares packages below a node_modules these warnings: the Debian package is not.
    const elsewhere = join(installed, 'elsewhere');
    cpSync(dirname(dirname(main)), join(elsewhere, 'taskfs'), { recursive: true });
    symlinkSync(join(installed, 'node_modules'), join(elsewhere, 'node_modules'));
    const command = join(elsewhere, 'taskfs/bin/taskfs');
    const env = { ...process.env, TASKFS_STORE: join(elsewhere, 's') };
    const at = (DOCKER_HOST: string) =>
      run(command, ['run', '--image', 'x', '--', 'true'], { env: { ...env, DOCKER_HOST } }).catch(
        ({ stderr }: { stderr: string }) => stderr,
      );
    const said = await at('tcp://127.0.0.1:1');
    expect(said).toContain('ECONNREFUSED');
    expect(said).not.toContain('Warning');
  });

  it('pins what is installed with it, by hash, from whichever registry', () => {
    const text = readFileSync(join(installed, 'node_modules/taskfs/npm-shrinkwrap.json'), 'utf8');
    expect(text).not.toContain('"resolved"');
    const { packages } = JSON.parse(text) as { packages: Record<string, Pinned> };
    const { '': own, ...others } = packages;
    expect(Object.keys(others)).toEqual(
      expect.arrayContaining(['node_modules/@koromix/koffi-linux-x64', 'node_modules/sharp']),
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

  it('installs for all users without a warning, and by npx', async () => {
    const prefix = join(installed, 'prefix');
    const [archive = ''] = readdirSync(installed).filter((name) => name.endsWith('.tgz'));
    const packed = join(installed, archive);
    const options = { cwd: installed, maxBuffer: 16 << 20 };
    const global = ['install', '--global', '--prefix', prefix, packed];
    const { stderr } = await run('npm', [...global, '--no-audit', '--no-fund'], options);
    expect(stderr).toBe('');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const cli = newCli();
    const store = { ...process.env, TASKFS_STORE: cli.store };
    const task = ['run', '--', 'sh', '-c', 'echo $0'];
    const ran = await run(join(prefix, 'bin/taskfs'), task, { env: store });
    expect(ran.stdout).toBe('sh\n');
    const pages = ['taskfs', ...verbs.map(({ name }) => `taskfs-${name}`)];
    const linked = readdirSync(join(prefix, 'share/man/man1')).sort();
    expect(linked).toEqual(pages.map((page) => `${page}.1`).sort());
    const npx = await run('npx', ['--yes', '--package', packed, 'taskfs', '--version'], options);
    expect(npx).toEqual({ stdout: `${version}\n`, stderr: '' });
  });

  it.skipIf(process.geteuid?.() !== 0)(
    'is a Debian package, and one file, for machines without Node (needs root for dpkg)',
    { timeout: 300_000 },
    async () => {
      const built = await run(join(root, 'scripts/package'), ['--quick'], { cwd: root });
      const [single = '', debian = ''] = built.stdout.trim().split('\n');
      onTestFinished(() => rmSync(join(root, 'packages'), { recursive: true }));
      const cli = newCli();
      // Neither a Node nor a cache of ours: what is there would hide what is missing.
      const env = { PATH: '/usr/bin:/bin', HOME: cli.base, TASKFS_STORE: cli.store };
      const task = (name: string) => {
        const names = ['--name', name, '--label', `kind=of-${name}`];
        return ['run', ...names, '--', 'sh', '-c', 'echo $0'];
      };
      expect((await run(single, task('a'), { env })).stdout).toBe('sh\n');
      expect(statSync(join(cli.base, '.cache/taskfs')).mode & 0o777).toBe(0o700);

      const system = join(cli.base, 'system');
      mkdirSync(join(system, 'var/lib/dpkg/info'), { recursive: true });
      writeFileSync(join(system, 'var/lib/dpkg/status'), '');
      const dpkg = (...args: string[]) =>
        run('dpkg', [`--root=${system}`, '--force-depends', ...args]);
      const lint = run('lintian', ['--allow-root', '--fail-on', 'error,warning', debian], {
        // It leaves files in its temporary directory.
        env: { ...process.env, TMPDIR: cli.base },
      });
      await dpkg('--install', debian);
      const command = join(system, 'usr/bin/taskfs');
      expect((await run(command, task('b'), { env })).stdout).toBe('sh\n');
      expect((await run(command, ['ls'], { env })).stdout).toBe('a\nb\n');
      expect(existsSync(join(system, 'usr/share/man/man1/taskfs-run.1.gz'))).toBe(true);
      const helper = join(system, 'usr/sbin/mount.fuse.taskfs');
      const words = ['ro', 'noauto', '_netdev', 'x-systemd.automount'];
      const ours = ['name=b*', 'status=completed', 'since=7d', 'idle-timeout=10m', 'group=day'];
      const archived = async (...options: string[]): Promise<string> => {
        const mountpoint = join(cli.base, `mount-${options.at(-1)}`);
        await run(helper, [cli.store, mountpoint, '-o', options.join(',')], { env });
        const { stdout } = await run('find', [join(mountpoint, 'archive'), '-name', '[ab]']);
        await run(command, ['unmount', mountpoint], { env });
        return stdout.replaceAll(`${mountpoint}/archive/`, '');
      };
      expect(await archived(...words, ...ours)).toMatch(/^\d{4}-\d\d-\d\d\/b\n$/);
      expect(await archived('user', 'task=a')).toBe('a\n');
      expect(await archived('defaults', 'nofail', 'label=kind=of-b')).toBe('b\n');
      await expect(archived('frob')).rejects.toThrow(/frob/);
      await dpkg('--purge', 'taskfs');
      expect(readdirSync(system)).toEqual(['var']);
      await lint;
    },
  );

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
    expect(licenses.some((text) => /^eastasianwidth [\s\S]*Masaki Komagata/.test(text))).toBe(true);
  });

  it('has a command that keeps ignored signals, and the options of Node for the task', async () => {
    const link = join(newCli().base, 'taskfs');
    symlinkSync(command, link);
    const { base } = newCli({ main });
    const script = `trap '' INT
      exec ${link} --store ${base}/s run -- sh -c 'kill -INT $PPID; exit 5'`;
    const env = { ...process.env, NODE_OPTIONS: '--no-such-option' };
    await expect(run('sh', ['-c', script], { env })).rejects.toMatchObject({ code: 5 });
  });

  it(`supervises a task with less than ${SUPERVISOR_MIB} MiB, if it prints much too`, async () => {
    const cli = newCli({ main });
    await cli.run('init');
    const taken = await memoryOfSupervisors(cli, [], 'head -c 50000000 /dev/zero');
    for (const mib of taken) expect(mib).toBeLessThan(SUPERVISOR_MIB);
  });

  it('is a library with types, which the examples use', async () => {
    const cli = newCli();
    const examples = join(installed, 'examples');
    cpSync(join(root, 'examples'), examples, { recursive: true });
    for (const name of ['hono', '@hono/node-server', '@types/node', 'undici-types', 'typescript']) {
      const link = join(installed, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), link);
    }
    const tsconfig = {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { paths: {}, types: ['node'], rootDir: installed },
      include: ['*.ts'],
    };
    writeFileSync(join(examples, 'tsconfig.json'), JSON.stringify(tsconfig));
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', examples]);

    const env = { ...process.env, TASKFS_STORE: cli.store };
    const options = { cwd: examples, env };
    const good = 'echo done > "$TASKFS_ARTIFACTS/$AGENT_REPORT"';
    const { stdout, stderr } = await run('node', ['agent-runner.ts', good, 'exit 3'], options);
    expect(stdout).toMatch(/^completed \(.*\): done\nfailed \(.*3.*\): \(no report\)\n$/);
    expect(stderr).toMatch(/ sealed$/m);

    writeFileSync(
      join(examples, 'a.test.mjs'),
      "import test from 'node:test'; test('x', () => {});\n",
    );
    const tested = await run(
      'node',
      ['--test', '--test-reporter', './test-reporter.ts', 'a.test.mjs'],
      options,
    );
    const [, sealed = ''] =
      /^0 failed; the results are sealed as (\S+)$/m.exec(tested.stdout) ?? [];
    expect((await cli.run('cat', sealed, 'results.jsonl')).stdout).toContain(
      '"test:pass","name":"x"',
    );

    const server = spawn('node', ['hono-route.ts'], options);
    onTestFinished(() => void server.kill());
    const [line] = await once(createInterface(server.stdout), 'line');
    const fetched = await fetch(`${line}/tasks/${sealed}/results.jsonl`);
    expect(await fetched.text()).toContain('"test:pass"');
    expect((await fetch(`${line}/tasks/${sealed}/nowhere`)).status).toBe(404);

    const mounting = `
      import { execFile } from 'node:child_process';
      import { promisify } from 'node:util';
      import { mount, openStore, openTask, verify } from 'taskfs';
      const store = await openStore({ create: false });
      await using all = await mount(store, process.argv[2]);
      const path = \`\${all.mountpoint}/archive/\${process.argv[3]}/results.jsonl\`;
      const { stdout } = await promisify(execFile)('cat', [path]);
      const blob = await openTask(store, process.argv[3]).blob('results.jsonl');
      console.log(stdout === (await blob.text()), (await verify(store, { deep: true })).length);`;
    writeFileSync(join(examples, 'mounting.ts'), mounting);
    const mountpoint = join(cli.base, 'mount');
    const mounted = await run('node', ['mounting.ts', mountpoint, sealed], options);
    expect(mounted.stdout).toBe('true 0\n');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(mountpoint);
  });

  it('mounts, watches, runs, seals with threads, reads back and verifies', async () => {
    const cli = newCli({ main });
    const mountpoint = join(cli.base, 'mnt');
    mkdirSync(mountpoint);
    expect(await cli.run('mount', mountpoint)).toMatchObject({ code: 0 });
    const wait = 'until [ -e "$TASKFS_ARTIFACTS/go" ]; do sleep 0.05; done';
    const note = `printf '# A\\n~~~js\\nlet x\\n' > "$TASKFS_ARTIFACTS/n.md"`;
    await cli.run('run', '-d', '--name', 't', '--', 'sh', '-c', `${BIG}; ${note}; ${wait}`);
    const watching = cli.run('watch', 't', '--json');
    await run('sh', ['-c', `echo hi > ${mountpoint}/live/t/go`], { timeout: 20_000 });
    expect((await watching).stdout).toContain('"go"');
    expect((await cli.run('wait', 't')).code).toBe(0);
    const { stdout } = await run('cat', [join(mountpoint, 'archive/t/go')], { timeout: 20_000 });
    expect(stdout).toBe('hi\n');
    expect((await cli.run('cat', 't', 'zeros')).bytes.equals(Buffer.alloc(5_000_000))).toBe(true);
    expect((await cli.run('preview', 't', 'n.md')).stdout).toMatch(/\nA\n\n {4}let x\n$/);
    expect((await cli.run('verify')).code).toBe(0);
    expect((await cli.run('export', 't', join(cli.base, 'out'))).code).toBe(0);
    expect(readFileSync(join(cli.base, 'out', 'go'), 'utf8')).toBe('hi\n');
    expect((await cli.run('unmount', mountpoint)).code).toBe(0);
  });
});

/** A plain user's directories, for a command line that runs as whoever runs the tests. */
function newCaches(): {
  readonly base: string;
  readonly caches: string;
  readonly compiled: string;
} {
  const base = mkdtempSync(join(tmpdir(), 'taskfs-caches-'));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const caches = join(base, 'cache');
  mkdirSync(caches, { mode: 0o700 });
  return { base, caches, compiled: join(caches, 'taskfs/compiled') };
}

/** Who could put code of theirs where it would be executed, and how. */
const unsafe: Readonly<Record<string, (place: ReturnType<typeof newCaches>) => void>> = {
  'whose directory others may write': ({ caches }) => chmodSync(caches, 0o777),
  'whose group may write it': ({ caches }) => chmodSync(caches, 0o770),
  'below one that others may write': ({ base }) => chmodSync(base, 0o777),
  'that is a link of theirs': ({ base, caches }) => {
    rmSync(caches, { recursive: true });
    mkdirSync(join(base, 'elsewhere'), { mode: 0o777 });
    chmodSync(join(base, 'elsewhere'), 0o777);
    symlinkSync('elsewhere', caches);
  },
  'that is a pipe': ({ caches }) => {
    mkdirSync(join(caches, 'taskfs'), { mode: 0o700 });
    execFileSync('mkfifo', [join(caches, 'taskfs/compiled')]);
  },
  ...(process.geteuid?.() === 0 && {
    "that is another user's": ({ caches }) => chownSync(caches, 65534, 65534),
  }),
};

const isEmpty = (directory: string): boolean =>
  !statSync(directory, { throwIfNoEntry: false })?.isDirectory() ||
  readdirSync(directory).length === 0;

/**
 * Runs a task by the command of the package, as a shell finds it; returns what the task printed.
 */
async function runTask(cli: Cli, script: string, more: NodeJS.ProcessEnv): Promise<string> {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, TASKFS_STORE: cli.store, ...more };
  return (await run(command, ['run', '--', 'sh', '-c', script], { env })).stdout;
}

describe.runIf(canBuild)('a cache of compiled code', () => {
  it('is kept for its owner alone', async () => {
    const { caches, compiled } = newCaches();
    expect(await runTask(newCli(), 'echo hi', { XDG_CACHE_HOME: caches })).toBe('hi\n');
    expect(statSync(compiled).mode & 0o777).toBe(0o700);
    expect(isEmpty(compiled)).toBe(false);
  });

  it.each(Object.entries(unsafe))('%s is neither read nor written', async (_which, make) => {
    const place = newCaches();
    make(place);
    expect(await runTask(newCli(), 'echo hi', { XDG_CACHE_HOME: place.caches })).toBe('hi\n');
    expect(isEmpty(place.compiled)).toBe(true);
  });

  it.runIf(process.geteuid?.() === 0)(
    'is done without where HOME is another user’s, as sudo may leave it (needs root)',
    async () => {
      const { base, caches, compiled } = newCaches();
      const home = join(base, 'home');
      mkdirSync(home);
      chownSync(home, 65534, 65534);
      const env = { HOME: home, XDG_CACHE_HOME: caches };
      expect(await runTask(newCli(), 'echo hi', env)).toBe('hi\n');
      expect(isEmpty(compiled)).toBe(true);
      expect(readdirSync(home)).toEqual([]);
    },
  );

  it('that the caller names for Node is the task’s, and never ours', async () => {
    const others = join(newCaches().base, 'others');
    const env = { NODE_COMPILE_CACHE: others };
    expect(await runTask(newCli(), 'echo "$NODE_COMPILE_CACHE"', env)).toBe(`${others}\n`);
    expect(existsSync(others)).toBe(false);
  });
});

/** A Node of this machine that is too old; undefined where there is none. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
  const version = existsSync(path)
    ? execFileSync(path, ['--version'], { encoding: 'utf8' })
    : 'v24';
  return Number.parseInt(version.slice(1), 10) < 24;
});

it.runIf(canBuild && oldNode)(
  'a Node that is too old is named in one sentence (needs one in /usr/bin or /usr/local/bin)',
  async () => {
    for (const verb of ['ps', '--help']) {
      await expect(run(oldNode ?? '', [main, verb])).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^taskfs needs Node\.js 24 or newer: this is v[\d.]+\.\n$/),
      });
    }
  },
);

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
