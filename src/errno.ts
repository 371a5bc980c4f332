import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';

/** The numbers of errno(3) by name, as this platform counts them. */
export const errno = constants.errno;

/** Numbers of Linux that a file system may answer with and Node has no names for. */
const UNNAMED: Readonly<Record<string, number>> = {
  EUCLEAN: 117,
  EREMOTEIO: 121,
  ENOMEDIUM: 123,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
};

const nameOf = new Map<number, string>(
  Object.entries({ ...UNNAMED, ...errno }).map(([name, number]) => [number, name]),
);

/**
 * A system call's refusal. One instance per number, made once and without a stack: a file system
 * answers ENOENT thousands of times a second, and an allocation with a stack trace for each would
 * cost more than the call. Whoever reports one to a person wraps it and says what was attempted.
 */
export class Errno extends Error {
  /** A positive number of errno(3). */
  readonly errno: number;
  /** Its name, as `ENOENT`. */
  readonly code: string;

  private constructor(number: number) {
    const code = nameOf.get(number) ?? `E${number}`;
    super(code);
    this.name = 'Errno';
    this.errno = number;
    this.code = code;
  }

  private static readonly made = new Map<number, Errno>();

  /** The one instance for a positive errno(3) number. */
  static of(number: number): Errno {
    const known = Errno.made.get(number);
    if (known) return known;
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    const fresh = new Errno(number);
    Error.stackTraceLimit = limit;
    Errno.made.set(number, fresh);
    return fresh;
  }
}

/** What an action returns; undefined where the system refuses it with an Errno. */
export function unlessRefused<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Errno) return undefined;
    throw error;
  }
}

/** What an action returns; undefined where the system says ENOENT, to Node's fs or to src/sys. */
export function unlessMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (errnoOf(error) === errno.ENOENT) return undefined;
    throw error;
  }
}

/** The positive errno(3) number behind anything thrown by Node's fs or by src/sys; else EIO. */
export function errnoOf(error: unknown): number {
  if (error instanceof Errno) return error.errno;
  const number = (error as NodeJS.ErrnoException | undefined)?.errno;
  return typeof number === 'number' && number !== 0 ? Math.abs(number) : errno.EIO;
}

const NAMELESS =
  /^(UNKNOWN: unknown error|Unknown system error -(\d+)(: Unknown system error -\d+)?)/;

/** The message of an error of Node's, with the name of a number that libuv has no words for. */
export function namedMessage(error: Error): string {
  const [start, , digits] = NAMELESS.exec(error.message) ?? [];
  if (start === undefined) return error.message;
  const number = digits === undefined ? errnoOf(error) : Number(digits);
  return `${Errno.of(number).code}: ${errnoWords(number)}${error.message.slice(start.length)}`;
}

/** What a positive errno(3) number says, in words. */
export function errnoWords(number: number): string {
  if (number === errno.EDQUOT) return 'disk quota exceeded';
  const words = getSystemErrorMessage(-number);
  return words.startsWith('Unknown') ? `system error ${Errno.of(number).code}` : words;
}
