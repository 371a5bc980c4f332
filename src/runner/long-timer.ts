const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** setTimeout for any length: Node's own fires at once beyond 24 days. Returns how to stop it. */
export function setLongTimer(delayMs: number | null, action: () => void): () => void {
  if (delayMs === null) return () => {};
  let timer: NodeJS.Timeout;
  const wait = (left: number): void => {
    const step = Math.min(left, LONGEST_TIMER_MS);
    timer = setTimeout(() => (left > step ? wait(left - step) : action()), step);
  };
  wait(Math.max(0, delayMs));
  return () => clearTimeout(timer);
}
