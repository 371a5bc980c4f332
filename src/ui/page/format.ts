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
