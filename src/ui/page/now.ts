import { signal } from '@preact/signals';

/** The time, in milliseconds since the epoch, as often as durations are shown anew. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 1000);
