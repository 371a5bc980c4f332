import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FuseOptions } from '../../src/fuse/options.ts';
import { allMounts, FUSERMOUNT } from '../../src/mount/index.ts';
import { AT, removeTree } from '../../src/sys/index.ts';
import { until } from '../support/until.ts';
import type { Faults } from './loopback.ts';

const SERVER = new URL('./loopback-server.ts', import.meta.url).pathname;
const LOOPBACK = new URL('./loopback.ts', import.meta.url).href;
export const NOBODY = 65534;

/** The configurations that every check of real mounts runs in. */
export const variants = [
  { name: 'root', user: 'root' },
  { name: 'a plain user', user: 'nobody' },
] as const;
export type Variant = (typeof variants)[number];

export const isRoot = process.getuid?.() === 0;
/** Only root can be root; a plain user is whoever is not, or nobody where root runs the tests. */
export const runsHere = ({ user }: Variant): boolean => isRoot || user !== 'root';

export interface LoopbackMount {
  /** The directory beneath, and the mount of it. */
  readonly source: string;
  readonly mount: string;
  readonly server: ChildProcess;
  /** What the server wrote to stderr so far. */
  complaints(): string;
}

export const mountsOn = (directory: string) =>
  allMounts().filter(({ mountpoint }) => mountpoint === directory);

/**
 * Mounts a fresh directory through the driver in a server process; all of it goes with the test.
 */
export async function mountLoopback(variant: Variant, faults: Faults = {}): Promise<LoopbackMount> {
  const base = mkdtempSync(join(tmpdir(), 'taskfs-'));
  const source = join(base, 'source');
  const mount = join(base, 'mount');
  chmodSync(base, 0o755);
  for (const directory of [source, mount]) {
    mkdirSync(directory);
    if (isRoot && variant.user === 'nobody') chownSync(directory, NOBODY, NOBODY);
  }
  const options: FuseOptions = {
    fileSystem: { module: LOOPBACK, arguments: [source, faults] },
    sourceName: 'loopback',
    subtype: 'taskfs',
    allowOther: variant.user === 'root',
    readOnly: false,
  };
  const server = spawn(process.execPath, [SERVER, mount, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...asUser(variant),
  });
  onTestFinished(() => {
    server.kill('SIGKILL');
    if (isRoot) spawnSync('umount', ['-l', mount]);
    else spawnSync(FUSERMOUNT, ['-uqz', mount]);
    removeTree(AT.FDCWD, base);
  });
  let output = '';
  let complaints = '';
  server.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  await until(`a mount on ${mount}: ${complaints}`, () => {
    if (server.exitCode !== null) throw new Error(`the server ended: ${complaints}`);
    return /^ready$/m.test(output);
  });
  return { source, mount, server, complaints: () => complaints };
}

/**
 * Options of spawn to be the variant's user: whoever is not root may not enter another's mount.
 */
export const asUser = (variant: Variant): { uid?: number; gid?: number } =>
  isRoot && variant.user === 'nobody' ? { uid: NOBODY, gid: NOBODY } : {};
