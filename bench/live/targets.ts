import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A directory to measure in: the native one, or one seen through somebody's mount. */
export interface Target {
  readonly name: string;
  /** Where the workload runs, and the real directory beneath it. */
  readonly directory: string;
  readonly beneath: string;
  /** The process that serves the mount; undefined for the native directory. */
  readonly server: ChildProcess | undefined;
  close(): void;
}

const SERVER = join(import.meta.dirname, 'server.ts');
const EXAMPLE = '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c';

/** Makes the targets under `work`, each over a directory of its own on the same file system. */
export class Targets {
  private readonly work: string;
  /** Who mounts and works: undefined for the caller. */
  private readonly uid: number | undefined;
  private readonly open: Target[] = [];

  constructor(work: string, uid: number | undefined) {
    this.work = work;
    this.uid = uid;
  }

  native(): Target {
    const directory = this.directory('native');
    const none = { server: undefined, close: () => {} };
    return this.keep({ name: 'native', directory, beneath: directory, ...none });
  }

  async taskfs(name: string, driver: 'kernel' | 'libfuse', passthrough: boolean): Promise<Target> {
    const mount = this.directory(`${name}-mount`);
    const store = join(this.directory(`${name}-store`), 'store');
    const mode = passthrough ? 'passthrough' : '';
    const server = this.spawn(process.execPath, [SERVER, store, mount, driver, mode]);
    await isMounted(mount, server);
    const directory = join(mount, 'live', 'bench');
    const beneath = join(store, 'staging', 'bench');
    return this.mounted({ name, mount, directory, beneath, server });
  }

  async bindfs(): Promise<Target> {
    const [source, mount] = [this.directory('bindfs'), this.directory('bindfs-mount')];
    const server = this.spawn('bindfs', ['-f', '--no-allow-other', source, mount]);
    await isMounted(mount, server);
    return this.mounted({ name: 'bindfs', mount, directory: mount, beneath: source, server });
  }

  /** libfuse's own low-level example, built from Debian's libfuse3-dev; undefined where that is not installed. */
  async lowLevelExample(): Promise<Target | undefined> {
    if (!existsSync(EXAMPLE)) return undefined;
    const name = 'passthrough_ll';
    const [source, mount] = [this.directory(`${name}-source`), this.directory(`${name}-mount`)];
    const binary = this.compile('cc', EXAMPLE);
    const server = this.spawn(binary, ['-f', '-o', `source=${source}`, mount]);
    await isMounted(mount, server);
    return this.mounted({ name, mount, directory: mount, beneath: source, server });
  }

  /** libfuse's C++ example, built from its source (`apt-get source fuse3`), which no package ships. */
  async highPerformanceExample(
    file: string,
    name: string,
    options: readonly string[],
  ): Promise<Target> {
    const [source, mount] = [this.directory(`${name}-source`), this.directory(`${name}-mount`)];
    const binary = this.compile('c++', file);
    const server = this.spawn(binary, ['--foreground', ...options, source, mount]);
    await isMounted(mount, server);
    return this.mounted({ name, mount, directory: mount, beneath: source, server });
  }

  private compile(compiler: string, file: string): string {
    const binary = join(this.work, parse(file).name);
    if (existsSync(binary)) return binary;
    const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' });
    const all = ['-O2', '-w', '-o', binary, file, '-pthread', ...flags.trim().split(/\s+/)];
    execFileSync(compiler, all);
    return binary;
  }

  closeAll(): void {
    for (const target of this.open) target.close();
  }

  private mounted(
    target: Omit<Target, 'close'> & { mount: string; readonly server: ChildProcess },
  ): Target {
    const close = (): void => {
      spawnSync('fusermount3', ['-uz', target.mount]);
      target.server.kill();
    };
    return this.keep({ ...target, close });
  }

  private keep(target: Target): Target {
    this.open.push(target);
    return target;
  }

  private directory(name: string): string {
    const path = join(this.work, name);
    mkdirSync(path);
    if (this.uid !== undefined) chownSync(path, this.uid, this.uid);
    return path;
  }

  private spawn(file: string, args: readonly string[]): ChildProcess {
    const { uid } = this;
    const as = uid === undefined ? {} : { uid, gid: uid };
    return spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], ...as });
  }
}

async function isMounted(mount: string, server: ChildProcess): Promise<void> {
  while (!readFileSync('/proc/self/mounts', 'utf8').includes(` ${mount} `)) {
    if (server.exitCode !== null) throw new Error(`nothing was mounted on ${mount}`);
    await sleep(20);
  }
}
