import { writeSync } from 'node:fs';
import {
  ATTACH_LIMIT,
  Attachments,
  type AttachOptions,
  chooseLiveMode,
  type LiveChoice,
  type LiveMode,
} from '../attach/index.ts';
import { messageOf } from '../errors.ts';
import {
  AttachedDirectories,
  type DriverName,
  type Grouping,
  type MountView,
  type Serve,
  type Served,
} from '../fs/index.ts';
import { prepareMountpoint, taskfsMountAt } from '../mount/index.ts';
import type { Store } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { CACHED_PART } from './idle-timeout.ts';
import { assertCanMount } from './requirements.ts';

/** What a user may choose about a mount. Plain data. */
export interface MountOptions {
  readonly driver?: DriverName;
  readonly allowOther?: boolean;
  readonly readOnly?: boolean;
  /** No symlink in the mount is followed: for tasks that are not trusted. */
  readonly nosymfollow?: boolean;
  /** How live files are shown; `auto` by default. */
  readonly live?: LiveMode;
  /** false: changes beneath raise no inotify events on the mount. */
  readonly notify?: boolean;
  /** Live files may be mapped shared and written, though in another cache than the task's. */
  readonly sharedMmap?: boolean;
  /** Unmount when nobody has used the mount for so long (milliseconds). */
  readonly idleTimeoutMs?: number;
  /** Tasks in archive/ are in directories by this. */
  readonly group?: Grouping;
  /** The tasks that are shown; all by default. */
  readonly view?: MountView;
  /** age identities that open the archives; left out: the store's own. */
  readonly identities?: readonly string[];
}

/** A mount that is served by this process. */
export interface ServedMount extends Served {
  /** Canonical. */
  readonly mountpoint: string;
  readonly driver: DriverName;
  readonly live: LiveChoice;
}

export const DEFAULT_DRIVER: DriverName = 'kernel';

/** Writes a line to the server's log, its standard error, before anything else happens. */
export const log = (words: string): void => void writeSync(2, `taskfs: ${words}\n`);

/**
 * Checks everything, mounts, and serves from this process, which must not touch the mount
 * synchronously from then on. It holds identities, so its memory is kept private. Throws
 * TaskfsError with the reason where there is no mount.
 */
export async function serveMount(
  store: Store,
  path: string,
  options: MountOptions = {},
): Promise<ServedMount> {
  const driver = options.driver ?? DEFAULT_DRIVER;
  assertCanMount(driver);
  keepMemoryPrivate();
  const mountpoint = await prepareMountpoint(store, path);
  const { readOnly = false, nosymfollow = false, idleTimeoutMs } = options;
  const how = { readOnly, nosymfollow };
  const { view, group } = options;
  const live = chooseLiveMode(store, options.live ?? 'auto', driver, how);
  const liveMode = `${live.mode}: ${live.why}`;
  const attached = live.mode === 'attach' ? AttachedDirectories.allocate(ATTACH_LIMIT) : undefined;
  const serve = await loadDriver(driver);
  const served = await serve(mountpoint, {
    store,
    fileSystem: {
      liveMode,
      ...(attached && { attached: attached.memory }),
      ...(view && { view }),
      ...(group && { group }),
      ...(options.identities && { identities: options.identities }),
      othersEnter: options.allowOther ?? false,
      sharedMmap: options.sharedMmap ?? false,
      ...(idleTimeoutMs !== undefined && { topTtlMs: idleTimeoutMs * CACHED_PART }),
    },
    allowOther: options.allowOther ?? false,
    ...how,
    notify: options.notify ?? true,
    countsUses: idleTimeoutMs !== undefined,
  });
  const notes = [
    `live/ is shown by ${liveMode}`,
    ...served.notes,
    ...(await identityNotes(store, options)),
  ];
  const mount = { ...served, notes, mountpoint, driver, live };
  return attached ? attachLive(store, mount, attached, { ...how, view }) : mount;
}

async function attachLive(
  store: Store,
  mount: ServedMount,
  attached: AttachedDirectories,
  how: Pick<AttachOptions, 'readOnly' | 'nosymfollow' | 'view'>,
): Promise<ServedMount> {
  const { mountpoint, forgetName, untilNotified } = mount;
  const device = taskfsMountAt(mountpoint)?.minor;
  if (!forgetName || device === undefined) return mount;
  const attachments = new Attachments({
    ...how,
    store,
    mountpoint,
    device: BigInt(device),
    attached,
    forgetName,
    untilNotified,
    log,
  });
  await attachments.ready();
  return {
    ...mount,
    ended: mount.ended.finally(() => attachments.close()),
    unmount: () => {
      attachments.close();
      return mount.unmount();
    },
  };
}

/** Says so where archives cannot be read here. */
async function identityNotes(store: Store, { identities }: MountOptions): Promise<string[]> {
  const unreadable = 'archive/ is listed and cannot be read';
  try {
    const found = identities ?? (await (await import('../store/index.ts')).loadIdentities(store));
    return found.length > 0 ? [] : [`${unreadable}: this machine has no identity`];
  } catch (error) {
    return [`${unreadable}: ${messageOf(error)}`];
  }
}

async function loadDriver(driver: DriverName): Promise<Serve> {
  if (driver === 'kernel') return (await import('../fuse/index.ts')).serve;
  return (await import('../fuse-native/index.ts')).serve;
}
