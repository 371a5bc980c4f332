import type { Status, TaskName } from '../store/index.ts';
import { type Keep, PERIODS, type Period, type Policy, type Rule } from './policy.ts';
import { matches, selectorKey, selectsAll } from './selector.ts';

/** A sealed task that a policy decides about. */
export interface Candidate {
  readonly task: TaskName;
  readonly status: Status;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since 1970. */
  readonly sealedMs: number;
  /** The same as far as the clock can be believed, see `judgeSealTimes`; its age counts from it. */
  readonly agedFromMs: number;
  /** Whether the clock may have been set ahead since: then nothing goes for its age. */
  readonly isAgeInDoubt: boolean;
  /** Measures what its archive takes; called only where a limit asks for it. */
  readonly measure: () => number;
  readonly isPinned: boolean;
}

/** What becomes of a task, and by which rules, in words. */
export interface Decision {
  readonly task: TaskName;
  /** When it was sealed, milliseconds since 1970: another one may have its name later. */
  readonly sealedMs: number;
  readonly keep: boolean;
  readonly because: readonly string[];
}

/** Why a task stays that age alone would remove. */
export const AGE_IN_DOUBT = 'the clock may have been set ahead since';

/**
 * Decides what becomes of sealed tasks, given newest first. As restic's `forget`: a task stays
 * where any rule keeps it; a task that no rule is about stays; of each period the newest counts,
 * and the oldest of all where there are fewer periods than asked for. Limits come after: by age,
 * then the oldest until the size is reached. A pinned task stays in any case.
 */
export function decide(
  candidates: readonly Candidate[],
  policy: Policy,
  nowMs: number,
): Decision[] {
  const reasons = new Map(candidates.map(({ task }) => [task, [] as string[]]));
  const selected = new Set<TaskName>();
  for (const rule of policy.rules) {
    const own = candidates.filter((candidate) => matches(rule.select, candidate));
    for (const { task } of own) selected.add(task);
    for (const [task, reason] of keptBy(rule, own, nowMs)) reasons.get(task)?.push(reason);
  }
  const byRules = candidates.map((candidate): Ruled => {
    const kept = reasons.get(candidate.task) ?? [];
    if (candidate.isPinned) return { candidate, keep: true, because: ['pinned'] };
    if (!selected.has(candidate.task)) {
      return { candidate, keep: true, because: ['no rule is about it'] };
    }
    return kept.length > 0
      ? { candidate, keep: true, because: kept }
      : { candidate, keep: false, because: ['no rule keeps it'] };
  });
  return limited(byRules, policy, nowMs).map(
    ({ candidate: { task, sealedMs }, keep, because }) => ({
      task,
      sealedMs,
      keep,
      because,
    }),
  );
}

interface Ruled {
  readonly candidate: Candidate;
  readonly keep: boolean;
  readonly because: readonly string[];
}

function* keptBy(
  { select, keep }: Rule,
  own: readonly Candidate[],
  nowMs: number,
): Generator<[TaskName, string]> {
  const suffix = selectsAll(select) ? '' : ` of ${selectorKey(select)}`;
  if (keep.withinMs !== undefined || keep.newerThanMs !== undefined) {
    for (const { task, isAgeInDoubt } of own) if (isAgeInDoubt) yield [task, AGE_IN_DOUBT];
  }
  for (const [task, reason] of [
    ...keptByCount(keep, own),
    ...keptByTime(keep, own, nowMs),
    ...PERIODS.flatMap((period) => [...keptByPeriod(period, keep[period] ?? 0, own)]),
  ]) {
    yield [task, reason + suffix];
  }
}

function keptByCount({ last = 0 }: Keep, own: readonly Candidate[]): [TaskName, string][] {
  return own.slice(0, last).map(({ task }) => [task, `one of the last ${last}`]);
}

function keptByTime(
  { withinMs, newerThanMs }: Keep,
  own: readonly Candidate[],
  nowMs: number,
): [TaskName, string][] {
  const newestMs = Math.min(nowMs, Math.max(...own.map(({ agedFromMs }) => agedFromMs)));
  return own.flatMap(({ task, agedFromMs }): [TaskName, string][] => [
    ...(withinMs !== undefined && agedFromMs >= newestMs - withinMs
      ? [[task, 'within the time before the newest'] satisfies [TaskName, string]]
      : []),
    ...(newerThanMs !== undefined && agedFromMs >= nowMs - newerThanMs
      ? [[task, 'sealed recently enough'] satisfies [TaskName, string]]
      : []),
  ]);
}

function* keptByPeriod(
  period: Period,
  count: number,
  own: readonly Candidate[],
): Generator<[TaskName, string]> {
  let left = count;
  let previous: string | undefined;
  for (const [place, { task, sealedMs }] of own.entries()) {
    if (left === 0) return;
    const current = periodOf(period, new Date(sealedMs));
    const isOldest = place === own.length - 1;
    if (current === previous && !isOldest) continue;
    yield [task, current === previous ? `the oldest, ${period}` : `${period}, ${current}`];
    previous = current;
    left -= 1;
  }
}

/** The period that a time lies in, by the local calendar. */
function periodOf(period: Period, time: Date): string {
  const year = String(time.getFullYear());
  const month = `${year}-${twoDigits(time.getMonth() + 1)}`;
  const day = `${month}-${twoDigits(time.getDate())}`;
  if (period === 'yearly') return year;
  if (period === 'monthly') return month;
  if (period === 'weekly') return weekOf(time);
  return period === 'daily' ? day : `${day} ${twoDigits(time.getHours())}h`;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');

const DAY_MS = 24 * 3600 * 1000;

/** ISO 8601's week: it begins on Monday and belongs to the year that has its Thursday. */
function weekOf(time: Date): string {
  const midnight = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  const thursday = new Date(midnight + (3 - ((time.getDay() + 6) % 7)) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${twoDigits(week)}`;
}

const limited = (ruled: readonly Ruled[], { maxAgeMs, maxBytes }: Policy, nowMs: number): Ruled[] =>
  limitedBySize(limitedByAge(ruled, nowMs - (maxAgeMs ?? Infinity)), maxBytes);

const limitedByAge = (ruled: readonly Ruled[], sinceMs: number): Ruled[] =>
  ruled.map((each) => {
    const { keep, candidate } = each;
    if (!keep || candidate.isPinned || candidate.agedFromMs >= sinceMs) return each;
    if (candidate.isAgeInDoubt) return { ...each, because: [AGE_IN_DOUBT] };
    return removed(each, 'older than the limit');
  });

function limitedBySize(ruled: Ruled[], maxBytes: number | undefined): Ruled[] {
  if (maxBytes === undefined) return ruled;
  const sizes = ruled.map(({ keep, candidate }) => (keep ? candidate.measure() : 0));
  let excess = sizes.reduce((sum, size) => sum + size, 0) - maxBytes;
  const oldestFirst = ruled.toReversed().map((each, place) => {
    if (excess <= 0 || !each.keep || each.candidate.isPinned) return each;
    excess -= sizes.at(-1 - place) ?? 0;
    return removed(each, 'the archives take more than the limit');
  });
  return oldestFirst.toReversed();
}

const removed = ({ candidate }: Ruled, reason: string): Ruled => ({
  candidate,
  keep: false,
  because: [reason],
});
