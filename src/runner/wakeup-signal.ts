/**
 * Wakes another supervisor so that it looks at the store at once. SIGURG, because a process that
 * does not expect it ignores it: a pid that was reused in between comes to no harm. A lost nudge
 * costs only time, since supervisors also look by themselves now and then, and who waits in the queue
 * waits for locks besides; and unlike watching files it does not use up the few inotify instances a
 * user has (128), when hundreds wait.
 */
const SIGNAL = 'SIGURG';

/** How often a supervisor looks at the store without having been nudged, in milliseconds. */
const INTERVAL_MS = 2000;

/** Nudges the supervisor with this pid; one that is gone, or in another pid namespace, is fine. */
export function nudge(pid: number | null): void {
  if (pid === null) return;
  try {
    process.kill(pid, SIGNAL);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Calls `look` at each nudge, until the returned function is called. */
export function onNudge(look: () => void): () => void {
  process.on(SIGNAL, look);
  return () => process.off(SIGNAL, look);
}

/** Calls `look` at each nudge and every two seconds, until the returned function is called. */
export function lookNowAndThen(look: () => void): () => void {
  const timer = setInterval(look, INTERVAL_MS);
  const stop = onNudge(look);
  return () => {
    clearInterval(timer);
    stop();
  };
}
