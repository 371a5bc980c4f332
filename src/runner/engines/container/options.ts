import { posix } from 'node:path';
import { TaskfsError } from '../../../errors.ts';

/** A directory or file of this machine, or a volume of the engine's, that the container sees. */
export interface Volume {
  /**
   * Absolute path on this machine, which must exist; or a
   * volume's name: the engine makes it where it is new.
   */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /**
   * A label of SELinux for it: `z` shared by containers,
   * `Z` for this one alone. Default: as it is.
   */
  readonly relabel?: 'z' | 'Z' | undefined;
}

/** A file system in memory. */
export interface Tmpfs {
  /** Absolute path in the container. */
  readonly target: string;
  /** Default (null): the engine's. */
  readonly sizeBytes: number | null;
  /** Permission bits. Default (null): 1777. */
  readonly mode: number | null;
}

/** A port of the container that is one of the engine's machine, too. */
export interface PublishedPort {
  /** Empty: all addresses. */
  readonly hostIp: string;
  /** Empty: one that the engine chooses. */
  readonly hostPort: string;
  /** As `80/tcp`. */
  readonly container: string;
}

/** A device of the engine's machine. */
export interface Device {
  readonly host: string;
  readonly container: string;
  /** Some of `rwm`. */
  readonly permissions: string;
}

/** A limit of each process, as of setrlimit(2); -1 is unlimited. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** Whether the source of a volume is a path; else it is a name. */
export const isPath = (source: string): boolean => posix.isAbsolute(source);

/**
 * What `taskfs run` may ask of a container, as `options` of the task's record: plain JSON under
 * these names. Whatever is left out, or null, has the default that is said here.
 */
export interface ContainerOptions {
  /** Where the artifacts are mounted: an absolute path, not `/`. Default: /artifacts. */
  readonly artifactsAt: string;
  /** `uid[:gid]` or a name of the image. Default (null): the image's own, else the caller. */
  readonly user: string | null;
  /** Memory limit in bytes, swap included. Default (null): none. */
  readonly memoryBytes: number | null;
  /** How many CPUs it may use, also a fraction. Default (null): all. */
  readonly cpus: number | null;
  /** How many processes and threads it may have. Default (null): 4096; in a swarm the engine's. */
  readonly pids: number | null;
  /**
   * Name of a network: `none`, `host`, or one of the
   * engine's. Default (null): the engine's default.
   */
  readonly network: string | null;
  /** The container's own file system is read-only; the artifacts stay writable. Default: false. */
  readonly readOnly: boolean;
  /** Capabilities to take away: `ALL`, `NET_RAW`, …. Default: none. */
  readonly capDrop: readonly string[];
  /** Capabilities to add. Default: none. */
  readonly capAdd: readonly string[];
  readonly tmpfs: readonly Tmpfs[];
  readonly ports: readonly PublishedPort[];
  readonly devices: readonly Device[];
  /** How many GPUs (-1: all), or which. Default (null): none. */
  readonly gpus: { readonly count: number } | { readonly ids: readonly string[] } | null;
  readonly ulimits: readonly Ulimit[];
  /** The size of /dev/shm. Default (null): the engine's. */
  readonly shmBytes: number | null;
  /** Default (null): the container's id. */
  readonly hostname: string | null;
  /** As `linux/arm64`. Default (null): the engine's own. */
  readonly platform: string | null;
  /** The signal that ends it. Default (null): the image's, else SIGTERM. */
  readonly stopSignal: string | null;
  /** A small init as process 1, which reaps zombies and passes signals on. Default: true. */
  readonly init: boolean;
  /** Labels for the container, besides those of taskfs. */
  readonly labels: Readonly<Record<string, string>>;
  /** When to fetch the image. Default: missing. */
  readonly pull: 'missing' | 'always' | 'never';
  /** Replaces the image's entrypoint. Default (null): the image's own. */
  readonly entrypoint: string | null;
  readonly volumes: readonly Volume[];
  /** Keeps stdin open for the caller's input. Default: false. */
  readonly interactive: boolean;
  /** Gives the command a terminal. Default: false. */
  readonly tty: boolean;
  /** Rows and columns that its terminal has at the start. Default (null): the engine's. */
  readonly consoleSize: readonly [rows: number, columns: number] | null;
}

const defaults: ContainerOptions = {
  artifactsAt: '/artifacts',
  user: null,
  memoryBytes: null,
  cpus: null,
  pids: null,
  network: null,
  readOnly: false,
  capDrop: [],
  capAdd: [],
  tmpfs: [],
  ports: [],
  devices: [],
  gpus: null,
  ulimits: [],
  shmBytes: null,
  hostname: null,
  platform: null,
  stopSignal: null,
  init: true,
  labels: {},
  pull: 'missing',
  entrypoint: null,
  volumes: [],
  interactive: false,
  tty: false,
  consoleSize: null,
};

/** Reads a record's options. Throws `usage` for an invalid value; ignores other names. */
export function readContainerOptions(options: Readonly<Record<string, unknown>>): ContainerOptions {
  const given = Object.entries(options).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  const read = { ...defaults, ...Object.fromEntries(given) } as ContainerOptions;
  assertTarget('--artifacts-at', read.artifactsAt);
  for (const volume of read.volumes) assertVolume(volume, read.artifactsAt);
  for (const { target } of read.tmpfs) assertTarget('--tmpfs', target);
  assertPositive('--memory', read.memoryBytes);
  assertPositive('--shm-size', read.shmBytes);
  assertPositive('--cpus', read.cpus);
  assertPositive('--pids', read.pids);
  assertOneOf('--pull', read.pull, ['missing', 'always', 'never']);
  return { ...read, artifactsAt: posix.normalize(read.artifactsAt) };
}

function assertTarget(option: string, path: string): void {
  if (posix.isAbsolute(path) && posix.normalize(path) !== '/') return;
  throw new TaskfsError('usage', `${option} '${path}' cannot be a place in a container`, {
    hint: 'Give an absolute path other than /, as in /artifacts.',
  });
}

const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]+$/;

function assertVolume({ source, target }: Volume, artifactsAt: string): void {
  assertTarget('-v', target);
  if (!isPath(source) && !VOLUME_NAME.test(source)) {
    throw new TaskfsError(
      'usage',
      `-v '${source}' is neither an absolute path nor a volume's name`,
      {
        hint:
          'Give the full path of a directory or file of this machine, ' +
          'or a name of letters, digits, _ . and -.',
      },
    );
  }
  if (posix.normalize(target) !== posix.normalize(artifactsAt)) return;
  throw new TaskfsError('usage', `-v and the artifacts are both to be mounted at ${target}`, {
    hint: 'Move one of them; --artifacts-at moves the artifacts.',
  });
}

function assertPositive(option: string, value: number | null): void {
  if (value === null || (Number.isFinite(value) && value > 0)) return;
  throw new TaskfsError('usage', `${option} ${value} is not a positive number`);
}

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new TaskfsError('usage', `${option} '${value}' is unknown`, {
    hint: `It can be ${allowed.join(', ')}.`,
  });
}
