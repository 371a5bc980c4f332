const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A size for people, in powers of 1024. */
export function showBytes(bytes: number | null): string {
  if (bytes === null) return '';
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A span of milliseconds: `0.4s`, `3m 20s`, `5h 10m`. */
export function showDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${Math.floor(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

export const showTime = (time: string | number | null): string =>
  time === null ? '' : timeFormat.format(new Date(time));

/** How long a task ran so far; undefined where it has not begun. */
export function runTime(
  task: { readonly startedAt: string | null; readonly endedAt: string | null },
  now: number,
): number | undefined {
  if (task.startedAt === null) return undefined;
  const end = task.endedAt === null ? now : Date.parse(task.endedAt);
  return end - Date.parse(task.startedAt);
}
