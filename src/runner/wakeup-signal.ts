/**
 * Wakes another supervisor so that it reads the store at once. SIGURG, because a process that does
 * not expect it ignores it: a pid that was reused meanwhile is not harmed. A lost signal costs
 * only time, since supervisors also poll, and queued tasks also wait for locks. Unlike watching
 * files, it does not use up the few inotify instances of a user (128) when hundreds wait.
 */
const SIGNAL = 'SIGURG';

/** How often a supervisor reads the store without a signal, in milliseconds. */
const INTERVAL_MS = 2000;

/** Wakes the supervisor with this pid; one that is gone, or in another pid namespace, is fine. */
export function sendWakeup(pid: number | null): void {
  if (pid === null) return;
  try {
    process.kill(pid, SIGNAL);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Calls `listener` at each wakeup, until the returned function is called. */
export function onWakeup(listener: () => void): () => void {
  process.on(SIGNAL, listener);
  return () => process.off(SIGNAL, listener);
}

/** Calls `listener` at each wakeup and every two seconds, until the returned function is called. */
export function onWakeupOrInterval(listener: () => void): () => void {
  const timer = setInterval(listener, INTERVAL_MS);
  const stop = onWakeup(listener);
  return () => {
    clearInterval(timer);
    stop();
  };
}
