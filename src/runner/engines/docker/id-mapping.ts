import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { TaskfsError } from '../../../errors.ts';
import { send } from './client.ts';
import type { Connection } from './connect.ts';
import type { ImageConfig } from './image.ts';

/** Consecutive user ids of a container, and what they are on the engine's machine. */
export interface IdRange {
  readonly container: number;
  readonly host: number;
  readonly size: number;
}

/** What decides whose the files of an engine's containers are. */
export interface EngineHost {
  /**
   * `plain`: ids are the machine's. `remapped`: root runs
   * it, ids are others. `rootless`: a plain user runs it.
   */
  readonly kind: 'plain' | 'remapped' | 'rootless';
  readonly ranges: readonly IdRange[];
  /** Whether a bind mount can only be used once it has a label of SELinux. */
  readonly hasSelinux: boolean;
}

const LAST_ID = 2 ** 32 - 2;
const same: readonly IdRange[] = [{ container: 0, host: 0, size: LAST_ID }];

/** What a container's user id is on the engine's machine; undefined where it is nobody there. */
export function hostIdOf(ranges: readonly IdRange[], id: number): number | undefined {
  const range = ranges.find(({ container, size }) => id >= container && id < container + size);
  return range && range.host + id - range.container;
}

/**
 * How an engine numbers the users of its containers: as the files of an image show, which is being
 * asked for, else as it answers.
 */
export async function findHost(
  connection: Connection,
  image: Promise<Pick<ImageConfig, 'layer'>>,
): Promise<EngineHost> {
  if (connection.podmanVersion !== null || knowsSelinux()) return askHost(connection);
  const { layer } = await image;
  if (layer === null || ownerOf(layer) !== 0) return askHost(connection);
  return { kind: 'plain', ranges: same, hasSelinux: false };
}

/** Asks an engine how it numbers the users of its containers. */
export function askHost(connection: Connection): Promise<EngineHost> {
  return connection.podmanVersion === null ? askDocker(connection) : askPodman(connection);
}

/**
 * The user of this machine who owns a layer's top directory, which is root's in a container;
 * undefined for a layer of another machine, or one that only root sees.
 */
function ownerOf(layer: string): number | undefined {
  try {
    return statSync(layer).uid;
  } catch {
    return undefined;
  }
}

/** Whether this kernel has SELinux at work: an engine may use it then, or not. */
const knowsSelinux = (): boolean => readFileSync('/proc/filesystems', 'utf8').includes('selinuxfs');

/** For each answer the engine starts two programs, which takes it 9 ms. */
async function askDocker({ docker }: Connection): Promise<EngineHost> {
  const { SecurityOptions, DockerRootDir } = (await docker.info()) as DockerInfo;
  const options = SecurityOptions?.map((option) => option.split(',')) ?? [];
  const has = (name: string): boolean => options.some((words) => words.includes(`name=${name}`));
  const hasSelinux = has('selinux');
  if (has('rootless')) return { kind: 'rootless', ranges: subordinateRanges(), hasSelinux };
  if (!has('userns')) return { kind: 'plain', ranges: same, hasSelinux };
  return { kind: 'remapped', ranges: remappedRanges(DockerRootDir), hasSelinux };
}

interface DockerInfo {
  readonly SecurityOptions?: readonly string[];
  readonly DockerRootDir?: string;
}

/**
 * An engine with remapped users keeps its data in a
 * directory that is called after their first ids.
 */
function remappedRanges(directory = ''): readonly IdRange[] {
  const [, first] = /\/(\d+)\.\d+$/.exec(directory) ?? [];
  if (first !== undefined) return [{ container: 0, host: Number(first), size: LAST_ID }];
  throw new TaskfsError(
    'failed',
    `the container engine remaps users, and does not say how: its directory is '${directory}'`,
    { hint: 'Use an engine without userns-remap, or leave out --image.' },
  );
}

/**
 * A rootless Docker's: root is the caller, all others are
 * the ids that the machine lets the caller have.
 */
function subordinateRanges(path = '/etc/subuid'): readonly IdRange[] {
  const { uid, username } = userInfo();
  const ranges: IdRange[] = [{ container: 0, host: uid, size: 1 }];
  let next = 1;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [owner, first, size] = line.split(':');
    if (owner !== username && owner !== String(uid)) continue;
    ranges.push({ container: next, host: Number(first), size: Number(size) });
    next += Number(size);
  }
  return ranges;
}

async function askPodman({ docker, podmanVersion }: Connection): Promise<EngineHost> {
  const path = `/v${podmanVersion}/libpod/info`;
  const { host } = await send<PodmanInfo>(docker.modem, { method: 'GET', path });
  const { rootless, selinuxEnabled: hasSelinux = false } = host.security;
  const ranges = (host.idMappings?.uidmap ?? []).map((range) => ({
    container: range.container_id,
    host: range.host_id,
    size: range.size,
  }));
  if (rootless) return { kind: 'rootless', ranges, hasSelinux };
  return { kind: 'plain', ranges: same, hasSelinux };
}

interface PodmanInfo {
  readonly host: {
    readonly security: { readonly rootless: boolean; readonly selinuxEnabled?: boolean };
    readonly idMappings?: {
      readonly uidmap?: readonly { container_id: number; host_id: number; size: number }[] | null;
    };
  };
}
