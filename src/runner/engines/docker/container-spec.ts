import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type Docker from 'dockerode';
import type { Launch } from '../engine.ts';
import type { Connection } from './connect.ts';
import type { Endpoint } from './endpoint.ts';
import type { ContainerOptions } from './options.ts';

/** Names that taskfs's containers and services carry, so that they can be found by them. */
export function labelsOf({ task, attempt, staging }: Launch): Readonly<Record<string, string>> {
  return {
    'taskfs.task': task,
    'taskfs.attempt': String(attempt),
    'taskfs.store': dirname(dirname(staging)),
  };
}

/** The variables of a container: the caller's, and what taskfs says. */
export function environmentOf(launch: Launch, options: ContainerOptions): string[] {
  const env = { ...launch.env, TASKFS_ARTIFACTS: options.artifactsAt, TASKFS_TASK: launch.task };
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/** The container of a run, as the engine's `create` takes it. */
export function containerSpec(
  name: string,
  launch: Launch,
  options: ContainerOptions,
  owner: Owner,
  { isPodman }: Pick<Connection, 'isPodman'>,
): Docker.ContainerCreateOptions {
  const { interactive, tty, entrypoint, consoleSize } = options;
  return {
    name,
    Image: launch.image ?? '',
    ...(launch.command.length > 0 && { Cmd: [...launch.command] }),
    ...(entrypoint !== null && { Entrypoint: [entrypoint] }),
    ...(launch.cwd !== null && { WorkingDir: launch.cwd }),
    Env: environmentOf(launch, options),
    User: options.user ?? owner.user,
    Labels: { ...options.labels, ...labelsOf(launch) },
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: interactive,
    StdinOnce: interactive,
    Tty: tty,
    HostConfig: {
      Mounts: mountsOf(launch, options),
      ...limitsOf(options),
      ...(options.network !== null && { NetworkMode: options.network }),
      ...(owner.usernsMode !== null && { UsernsMode: owner.usernsMode }),
      ReadonlyRootfs: options.readOnly,
      CapDrop: [...options.capDrop],
      SecurityOpt: ['no-new-privileges'],
      Init: options.init,
      ...(tty && consoleSize !== null && { ConsoleSize: [...consoleSize] }),
      // The exit code would be lost with the container.
      AutoRemove: false,
      ...(!isPodman && { LogConfig: wholeLog }),
    },
  };
}

// The engine's default may rotate or keep no log; and json-file, the usual one, changes bytes that
// are not UTF-8. A log that is not exactly what was printed cannot be gone on with after a crash.
// What it lacks, in dockerd 20.10, is in lost-feeds.ts.
export const wholeLog = {
  Type: 'local',
  Config: { 'max-size': '1000t', 'max-file': '1', compress: 'false' },
};

/** Mounts, not Binds: with Binds a missing source becomes a directory of root's. */
export function mountsOf({ staging }: Launch, options: ContainerOptions): Docker.MountConfig {
  const artifacts = { source: staging, target: options.artifactsAt, readOnly: false };
  return [artifacts, ...options.volumes].map(({ source, target, readOnly }) => ({
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
  }));
}

function limitsOf({ memoryBytes, cpus, pids }: ContainerOptions): Docker.HostConfig {
  return {
    ...(memoryBytes !== null && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpus !== null && { NanoCpus: Math.round(cpus * 1e9) }),
    ...(pids !== null && { PidsLimit: pids }),
  };
}

/** Who the files of a container are to belong to, in the engine's numbers. */
export interface Owner {
  readonly user: string;
  readonly usernsMode: string | null;
}

/**
 * Finds the container user whose files belong to the caller here: the caller's own uid and gid,
 * except in a rootless engine, where root in the container is the caller outside.
 */
export async function ownerOf(connection: Connection): Promise<Owner> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const caller = `${uid}:${gid}`;
  const { docker, endpoint, isPodman } = connection;
  // The question makes the engine start programs. An engine without remapped users leaves `host` aside.
  if (isSocketOfRoot(endpoint)) return { user: caller, usernsMode: isPodman ? null : 'host' };
  const info = (await docker.info()) as { SecurityOptions?: readonly string[] };
  const has = (name: string): boolean =>
    info.SecurityOptions?.some((option) => option.split(',').includes(`name=${name}`)) ?? false;
  if (has('rootless')) return { user: uid === 0 ? caller : '0:0', usernsMode: null };
  return { user: caller, usernsMode: has('userns') ? 'host' : null };
}

/** Whether root made the socket: then the engine is no rootless one. */
function isSocketOfRoot({ host }: Endpoint): boolean {
  if (!host.startsWith('unix://')) return false;
  return statSync(host.slice('unix://'.length), { throwIfNoEntry: false })?.uid === 0;
}
