import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveMode } from '../../src/attach/index.ts';
import type { DriverName } from '../../src/fs/index.ts';
import { FUSERMOUNT } from '../../src/mount/index.ts';
import { isMountpoint, type MountedStore } from '../../test/support/mount.ts';
import type { As } from './tree.ts';

/** A directory to measure in: the native one, or one seen through somebody's mount. */
export interface Target {
  readonly name: string;
  /** Where the workload runs, and the real directory beneath it. */
  readonly directory: string;
  readonly beneath: string;
  /** Of the process that serves the mount; undefined for the native directory. */
  readonly pid: number | undefined;
  close(): void;
}

const MOUNT = join(import.meta.dirname, '../../test/support/mount-program.ts');
const EXAMPLE = '/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c';

/** Makes the targets under `work`, each over a directory of its own on the same file system. */
export class Targets {
  private readonly work: string;
  /** Who mounts and works: undefined for the caller. */
  private readonly uid: number | undefined;
  private readonly as: As;
  private readonly open: Target[] = [];

  constructor(work: string, uid: number | undefined) {
    this.work = work;
    this.uid = uid;
    this.as = uid === undefined ? undefined : { uid, gid: uid };
  }

  native(): Target {
    const directory = this.directory('native');
    const none = { pid: undefined, close: () => {} };
    return this.keep({ name: 'native', directory, beneath: directory, ...none });
  }

  taskfs(name: string, driver: DriverName, live: LiveMode): Target {
    const options = JSON.stringify({ driver, live, tasks: ['bench'] });
    const args = [MOUNT, this.directory(name), options];
    const printed = execFileSync(process.execPath, args, { encoding: 'utf8', ...this.as });
    const { store, mountpoint, pid } = JSON.parse(printed) as MountedStore;
    const directory = join(mountpoint, 'live', 'bench');
    const beneath = join(store.staging, 'bench');
    return this.mounted({ name, mount: mountpoint, directory, beneath, pid });
  }

  async bindfs(): Promise<Target> {
    const [source, mount] = [this.directory('bindfs'), this.directory('bindfs-mount')];
    const pid = await this.serve(mount, 'bindfs', ['-f', '--no-allow-other', source, mount]);
    return this.mounted({ name: 'bindfs', mount, directory: mount, beneath: source, pid });
  }

  /**
   * libfuse's own low-level example, built from Debian's libfuse3-dev; undefined where that is not
   * installed.
   */
  async lowLevelExample(): Promise<Target | undefined> {
    if (!existsSync(EXAMPLE)) return undefined;
    const name = 'passthrough_ll';
    const [source, mount] = [this.directory(`${name}-source`), this.directory(`${name}-mount`)];
    const binary = this.compile('cc', EXAMPLE);
    const pid = await this.serve(mount, binary, ['-f', '-o', `source=${source}`, mount]);
    return this.mounted({ name, mount, directory: mount, beneath: source, pid });
  }

  /**
   * libfuse's C++ example, built from its source (`apt-get source fuse3`), which no package ships.
   */
  async highPerformanceExample(
    file: string,
    name: string,
    options: readonly string[],
  ): Promise<Target> {
    const [source, mount] = [this.directory(`${name}-source`), this.directory(`${name}-mount`)];
    const binary = this.compile('c++', file);
    const pid = await this.serve(mount, binary, ['--foreground', ...options, source, mount]);
    return this.mounted({ name, mount, directory: mount, beneath: source, pid });
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

  private mounted(target: Omit<Target, 'close'> & { mount: string; pid: number }): Target {
    const close = (): void => {
      spawnSync(FUSERMOUNT, ['-uz', target.mount]);
      process.kill(target.pid);
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

  /** Starts a program that mounts and serves; returns its pid as soon as the mount is there. */
  private async serve(mount: string, file: string, args: readonly string[]): Promise<number> {
    const server = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'], ...this.as });
    while (!isMountpoint(mount)) {
      if (server.exitCode !== null) throw new Error(`nothing was mounted on ${mount}`);
      await sleep(20);
    }
    return server.pid ?? 0;
  }
}
