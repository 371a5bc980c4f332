import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../errors.ts';
import { type ContainerOptions, isPath, type Tmpfs, type Volume } from '../container/options.ts';
import type { Launch } from '../engine.ts';
import type { Greeting } from './client.ts';
import type { Endpoint } from './endpoint.ts';
import { UNSEEN_HINT } from './failure.ts';
import type { EngineHost } from './id-mapping.ts';

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

/** What a container's specification depends on besides the options. */
export interface Setting extends Pick<Greeting, 'podmanVersion'>, Pick<EngineHost, 'hasSelinux'> {
  /** `uid[:gid]` or `name[:group]`. */
  readonly user: string;
  /** Whether its input is that of one who ends it; else it has no end, whoever attaches to it. */
  readonly hasInput: boolean;
}

/** The container of a run, as the engine's `create` takes it. */
export function containerSpec(
  name: string,
  launch: Launch,
  options: ContainerOptions,
  { user, hasInput, podmanVersion, hasSelinux }: Setting,
): Docker.ContainerCreateOptions {
  const { interactive, tty, entrypoint, consoleSize, hostname, platform, stopSignal } = options;
  return {
    name,
    ...(platform !== null && { platform }),
    ...(hostname !== null && { Hostname: hostname }),
    ...(stopSignal !== null && { StopSignal: stopSignal }),
    ...exposedPorts(options),
    Image: launch.image ?? '',
    ...(launch.command.length > 0 && { Cmd: [...launch.command] }),
    ...(entrypoint !== null && { Entrypoint: [entrypoint] }),
    ...(launch.cwd !== null && { WorkingDir: launch.cwd }),
    Env: environmentOf(launch, options),
    User: user,
    Labels: { ...options.labels, ...labelsOf(launch) },
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: interactive,
    StdinOnce: interactive && hasInput,
    Tty: tty,
    HostConfig: {
      ...bindsOf(launch, options, hasSelinux),
      ...limitsOf(options),
      ...(options.network !== null && { NetworkMode: options.network }),
      ReadonlyRootfs: options.readOnly,
      CapDrop: [...options.capDrop],
      CapAdd: [...options.capAdd],
      ...portsAndDevicesOf(options),
      SecurityOpt: ['no-new-privileges'],
      Init: options.init,
      ...(tty && consoleSize !== null && { ConsoleSize: [...consoleSize] }),
      // The exit code would be lost with the container.
      AutoRemove: false,
      ...(podmanVersion === null && { LogConfig: wholeLog }),
    },
  };
}

// The engine's default may rotate or keep no log; and json-file, the usual one, changes bytes that
// are not UTF-8. A log that is not exactly what was printed cannot be continued after a crash.
// What it lacks with dockerd 20.10 is in lost-line-feeds.ts.
export const wholeLog = {
  Type: 'local',
  Config: { 'max-size': '1000t', 'max-file': '1', compress: 'false' },
};

/**
 * Mounts, not Binds: with Binds a missing source becomes a directory of root's. But only Binds can
 * give what is mounted a label of SELinux: the artifacts get one of their container's own.
 */
function bindsOf(
  launch: Launch,
  options: ContainerOptions,
  hasSelinux: boolean,
): Pick<Docker.HostConfig, 'Mounts' | 'Binds'> {
  const all = volumesOf(launch, options, hasSelinux ? 'Z' : undefined);
  return {
    Mounts: [
      ...all.filter(({ relabel }) => !relabel).map(mountOf),
      ...options.tmpfs.map(tmpfsMountOf),
    ],
    Binds: all.flatMap(({ source, target, readOnly, relabel }) =>
      relabel ? [`${source}:${target}:${readOnly ? 'ro' : 'rw'},${relabel}`] : [],
    ),
  };
}

/** What a service of a swarm mounts. */
export const mountsOf = (launch: Launch, options: ContainerOptions): Docker.MountConfig =>
  volumesOf(launch, options, undefined).map(mountOf);

function volumesOf(
  { staging }: Launch,
  { artifactsAt, volumes }: ContainerOptions,
  relabel: Volume['relabel'],
): readonly Volume[] {
  return [{ source: staging, target: artifactsAt, readOnly: false, relabel }, ...volumes];
}

const mountOf = ({ source, target, readOnly }: Volume): Docker.MountSettings => ({
  Type: isPath(source) ? 'bind' : 'volume',
  Source: source,
  Target: target,
  ReadOnly: readOnly,
});

const tmpfsMountOf = ({ target, sizeBytes, mode }: Tmpfs): Docker.MountSettings => ({
  Type: 'tmpfs',
  Source: '',
  Target: target,
  TmpfsOptions: { SizeBytes: sizeBytes ?? 0, Mode: mode ?? 0o1777 },
});

const exposedPorts = ({
  ports,
}: ContainerOptions): Pick<Docker.ContainerCreateOptions, 'ExposedPorts'> =>
  ports.length === 0
    ? {}
    : { ExposedPorts: Object.fromEntries(ports.map(({ container }) => [container, {}])) };

function portsAndDevicesOf({
  ports,
  devices,
  gpus,
  ulimits,
  shmBytes,
}: ContainerOptions): Docker.HostConfig {
  const bindings = Object.groupBy(ports, ({ container }) => container);
  const portBindings = Object.entries(bindings).map(([container, own = []]) => [
    container,
    own.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort })),
  ]);
  return {
    ...(ports.length > 0 && { PortBindings: Object.fromEntries(portBindings) }),
    ...(devices.length > 0 && {
      Devices: devices.map(({ host, container, permissions }) => ({
        PathOnHost: host,
        PathInContainer: container,
        CgroupPermissions: permissions,
      })),
    }),
    ...(gpus !== null && {
      DeviceRequests: [
        'ids' in gpus
          ? { DeviceIDs: [...gpus.ids], Capabilities: [['gpu']] }
          : { Count: gpus.count, Capabilities: [['gpu']] },
      ],
    }),
    ...(ulimits.length > 0 && {
      Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    }),
    ...(shmBytes !== null && { ShmSize: shmBytes }),
  };
}

/** How many processes and threads a container may have by default, against fork bombs. */
const DEFAULT_PIDS = 4096;

function limitsOf({ memoryBytes, cpus, pids }: ContainerOptions): Docker.HostConfig {
  return {
    ...(memoryBytes !== null && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(cpus !== null && { NanoCpus: Math.round(cpus * 1e9) }),
    PidsLimit: pids ?? DEFAULT_PIDS,
  };
}

/**
 * Refuses a mount source that is not there: podman would make a directory of it, and Docker of one
 * that gets a label. Checked for engines of this machine only. Throws `usage`.
 */
export function assertSources({ host }: Endpoint, volumes: readonly Volume[]): void {
  if (!host.startsWith('unix://')) return;
  const missing = volumes.find(({ source }) => isPath(source) && !existsSync(source));
  if (!missing) return;
  throw new TaskfsError(
    'usage',
    `the engine does not see ${missing.source}, which was to be mounted`,
    {
      hint: UNSEEN_HINT,
    },
  );
}
