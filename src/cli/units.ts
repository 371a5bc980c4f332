import { TaskfsError } from '../errors.ts';

const SECOND = 1000;
const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: 60 * SECOND,
  h: 3600 * SECOND,
  d: 24 * 3600 * SECOND,
  w: 7 * 24 * 3600 * SECOND,
  y: 365 * 24 * 3600 * SECOND,
};

const NUMBER = /^\d+(\.\d+)?$/;
const DURATION = /^(\d+(\.\d+)?(ms|s|m|h|d|w|y))+$/;

const A_TIME = "Give a time as in '90', '45s', '1h30m' or '30d'.";

/**
 * Milliseconds from `90`, `90s`, `1h30m`, `30d`, `6w`, `1y`; a number alone is seconds. Throws
 * `usage`, with a hint at what else it may be.
 */
export function parseDuration(option: string, text: string, hint = A_TIME): number {
  if (NUMBER.test(text)) return positive(option, text, Number(text) * SECOND);
  if (!DURATION.test(text)) throw bad(option, text, hint);
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)/g);
  const sum = [...parts].reduce(
    (total, [, number, unit]) => total + Number(number) * (unitMs[unit ?? 's'] ?? 0),
    0,
  );
  return positive(option, text, sum);
}

/** Milliseconds as `parseDuration` reads them; 0 is not to wait at all. Throws `usage`. */
export const parseWait = (option: string, text: string): number =>
  /^0m?s?$/.test(text) ? 0 : parseDuration(option, text);

/** Bytes from `512m`, `2g`, `1048576`: powers of 1024, as Docker counts them. Throws `usage`. */
export function parseBytes(option: string, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined) throw bad(option, text, "Give a size as in '512m' or '2g'.");
  const power = ['', 'k', 'm', 'g', 't'].indexOf((unit ?? '').toLowerCase());
  return positive(option, text, Math.round(Number(number) * 1024 ** power));
}

/** A number above 0 from an option's text. Throws `usage`. */
export function parsePositive(option: string, text: string): number {
  if (NUMBER.test(text)) return positive(option, text, Number(text));
  throw bad(option, text, 'Give a number above 0.');
}

/** A whole number from an option's text, from `least` to `most`. Throws `usage`. */
export function parseCount(
  option: string,
  text: string,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= least && count <= most) return count;
  const range =
    most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`;
  throw bad(option, text, `Give a whole number${range}.`);
}

function positive(option: string, text: string, value: number): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw bad(option, text, 'Give a value above 0.');
}

function bad(option: string, text: string, hint: string): TaskfsError {
  return new TaskfsError('usage', `'${text}' cannot be the value of ${option}`, { hint });
}

/** Whether times are shown in UTC, or in the user's time zone. */
export interface Zone {
  readonly utc: boolean;
}

/**
 * An instant from an option: `10m` ago (a number alone: seconds), an ISO 8601 date or time (in the
 * user's zone where it names none), or a Unix time as in docker. Milliseconds since 1970. Throws
 * `usage`.
 */
export function parseInstant(option: string, text: string): number {
  if (/^\d{9,}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = Date.parse(/^[\d-]+$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T'));
    if (!Number.isNaN(time)) return time;
    throw bad(option, text, "Give a date or time as in '2026-11-27' or '2026-11-27T08:10:29Z'.");
  }
  const hint = "Give a time ago as in '10m' or '2h', or a date as in '2026-11-27'.";
  return Date.now() - parseDuration(option, text, hint);
}

/** A time for people as `showTime` shows it, to the millisecond; from milliseconds since 1970. */
export function showInstant(time: number, zone: Zone): string {
  const iso = new Date(time).toISOString();
  return showTime(iso, zone).replace(/(?= [+-]\d{4}$)/, iso.slice(19, 23));
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
