/** Whether times are shown in UTC, or in the user's time zone. */
export interface Zone {
  readonly utc: boolean;
}

/**
 * A time for people: in their time zone with its offset, `2026-11-27 08:10:29 +0100`, or as it is
 * recorded, in UTC. `--json` has UTC always.
 */
export function showTime(iso: string, { utc }: Zone): string {
  if (utc) return iso;
  const time = new Date(iso);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${offsetOf(time)}`;
}

function offsetOf(time: Date): string {
  const minutes = -time.getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return sign + [hours, rest].map((part) => String(part).padStart(2, '0')).join('');
}
