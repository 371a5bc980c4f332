import { examine, type Finding, removeThumbnailsOf } from '../doctor/index.ts';
import {
  installService as install,
  removeService as remove,
  type ServiceStatus,
} from '../service/index.ts';
import { storePath } from '../store/index.ts';
import type { Store } from './store.ts';

/** Options of `doctor`. */
export interface DoctorOptions {
  /** The store's directory, as of `openStore`; there need not be one. */
  readonly path?: string;
  /** Puts right what the user may, thumbnails included; what was done comes first. */
  readonly fix?: boolean;
  /** Removes the user's thumbnails of files that are not live any more. */
  readonly thumbnails?: boolean;
}

/**
 * Checks this machine, the store and the user's mounts of it, as `taskfs doctor` does, and
 * unmounts those whose server is dead.
 */
export async function doctor({
  path,
  ...treatment
}: DoctorOptions = {}): Promise<readonly Finding[]> {
  return examine(storePath(path), treatment);
}

/** Removes what desktops keep in plaintext of files of these tasks; returns how many there were. */
export function removeThumbnails(tasks: readonly string[]): number {
  return removeThumbnailsOf(tasks);
}

/** Whether the user's systemd is to hear of it, true by default; else only files change. */
export interface ServiceOptions {
  readonly start?: boolean;
}

/** Mounts a store now, and at each log-in. Throws TaskfsError `usage`, `failed`. */
export async function installService(
  store: Store,
  directory: string,
  { start = true }: ServiceOptions = {},
): Promise<ServiceStatus> {
  return install(store.paths, directory, { start });
}

/** Unmounts, and does not mount any more. Throws TaskfsError `not-found`, `failed`. */
export async function removeService({ start = true }: ServiceOptions = {}): Promise<void> {
  await remove({ start });
}
