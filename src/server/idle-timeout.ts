import { messageOf } from '../errors.ts';
import type { Served } from '../fs/index.ts';
import { isInUse, taskfsMountAt, unmount } from '../mount/index.ts';

/**
 * The kernel asks for nothing that it may still cache. It may cache the way into the mount for this
 * part of the time only, so that a use is noticed late by no more than that.
 */
export const CACHED_PART = 1 / 4;

/** How often (milliseconds, at most) to look whether the mount was used. */
const LONGEST_STEP_MS = 60_000;
const STEPS = 8;

/** A mount that is served by this process. */
export interface UsedMount extends Pick<Served, 'uses'> {
  readonly mountpoint: string;
}

/**
 * Unmounts as soon as the mount was not used for `timeoutMs`: no program has asked for anything in
 * it, none has a file open or its working directory there, and nothing else is mounted in it.
 * `log` takes a line for the server's log. Returns what ends the waiting.
 */
export function unmountWhenUnused(
  mount: UsedMount,
  timeoutMs: number,
  log: (words: string) => void,
): () => void {
  const limitMs = timeoutMs * (1 + CACHED_PART);
  let uses = mount.uses?.();
  let usedAt = performance.now();
  let isTrying = false;
  const look = async (): Promise<void> => {
    const now = mount.uses?.();
    if (now !== uses) usedAt = performance.now();
    uses = now;
    if (isTrying || performance.now() - usedAt < limitMs) return;
    isTrying = true;
    await tryToUnmount(mount.mountpoint, log);
    isTrying = false;
    // It is still there, so it is in use.
    usedAt = performance.now();
  };
  const timer = setInterval(() => void look(), Math.min(timeoutMs / STEPS, LONGEST_STEP_MS));
  return () => clearInterval(timer);
}

async function tryToUnmount(mountpoint: string, log: (words: string) => void): Promise<void> {
  const mount = taskfsMountAt(mountpoint);
  // As root the parts of a mount are unmounted one after the other: not while one is in use.
  if (!mount || isInUse(mount)) return;
  try {
    await unmount(mountpoint);
    log(`${mountpoint} was not used for a while, and is unmounted`);
  } catch (error) {
    log(`${mountpoint} stays: ${messageOf(error)}`);
  }
}
