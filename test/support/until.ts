import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits until a condition holds: any value but false, null and undefined, which is returned. The
 * bound is there for a sick run only; the message says what was waited for.
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T> | T,
  limitMs = 30_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(20);
  }
}
