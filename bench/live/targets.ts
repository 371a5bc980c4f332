import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A directory to measure in: the native one, or one seen through somebody's mount. */
export interface Target {
  readonly name: string;
  /** Where the workload runs. */
  readonly directory: string;
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
    return this.keep({ name: 'native', directory, server: undefined, close: () => {} });
  }

  async taskfs(name: string, driver: 'kernel' | 'libfuse', passthrough: boolean): Promise<Target> {
    const mount = this.directory(`${name}-mount`);
    const store = join(this.directory(`${name}-store`), 'store');
    const mode = passthrough ? 'passthrough' : '';
    const server = this.spawn(process.execPath, [SERVER, store, mount, driver, mode]);
    await isMounted(mount, server);
    return this.mounted(name, mount, join(mount, 'live', 'bench'), server);
  }

  async bindfs(): Promise<Target> {
    const [source, mount] = [this.directory('bindfs'), this.directory('bindfs-mount')];
    const server = this.spawn('bindfs', ['-f', '--no-allow-other', source, mount]);
    await isMounted(mount, server);
    return this.mounted('bindfs', mount, mount, server);
  }

  /** libfuse's own low-level example, built from Debian's libfuse3-dev; undefined where that is not installed. */
  async libfuseExample(): Promise<Target | undefined> {
    if (!existsSync(EXAMPLE)) return undefined;
    const binary = join(this.work, 'passthrough_ll');
    const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' });
    execFileSync('cc', ['-O2', '-o', binary, EXAMPLE, ...flags.trim().split(/\s+/)]);
    const [source, mount] = [this.directory('example'), this.directory('example-mount')];
    const server = this.spawn(binary, ['-f', '-o', `source=${source}`, mount]);
    await isMounted(mount, server);
    return this.mounted('passthrough_ll', mount, mount, server);
  }

  closeAll(): void {
    for (const target of this.open) target.close();
  }

  private mounted(name: string, mount: string, directory: string, server: ChildProcess): Target {
    const close = (): void => {
      spawnSync('fusermount3', ['-uz', mount]);
      server.kill();
    };
    return this.keep({ name, directory, server, close });
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
