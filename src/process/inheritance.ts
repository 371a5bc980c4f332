import { closeSync } from 'node:fs';

/**
 * What this process was started with and Node has changed since: bin/inheritance.sh notes it in
 * the environment before Node starts. Read once, and taken out of the environment of what is
 * started.
 */
export interface Inheritance {
  /** Signals that were ignored, as nohup(1) and a shell's `&` ask for. */
  readonly ignoredSignals: ReadonlySet<NodeJS.Signals>;
  /** The soft limit of open files; undefined where it is not known. `Infinity`: unlimited. */
  readonly softOpenFiles: number | undefined;
  /** Open descriptors besides the standard ones. */
  readonly descriptors: readonly number[];
  /** Variables that the launcher's shell does not pass on: `NAME=value`, each ended by a NUL. */
  readonly oddVariables: Buffer;
}

/** Bits of SigIgn in proc_pid_status(5): signal n is bit n - 1. */
const SIGNAL_BITS: readonly (readonly [NodeJS.Signals, bigint])[] = [
  ['SIGHUP', 1n << 0n],
  ['SIGINT', 1n << 1n],
  ['SIGQUIT', 1n << 2n],
  ['SIGTERM', 1n << 14n],
];

const INHERITED = 'TASKFS_INHERITED';
const ODD_VARIABLES = 'TASKFS_ODD_VARIABLES';

/** Before the name of a variable that is not meant for taskfs, so that Node ignores it. */
export const MOVED_PREFIX = 'TASKFS_';
const MOVED = [
  'NODE_OPTIONS',
  'NODE_COMPILE_CACHE',
  'NODE_PATH',
  'NODE_REDIRECT_WARNINGS',
  'NODE_V8_COVERAGE',
].map((name) => `${MOVED_PREFIX}${name}`);

/** Whether a variable is one of the caller's under another name. */
export const isMoved = (name: string): boolean => MOVED.includes(name);

export const inheritance: Inheritance = takeInheritance(process.env);

function takeInheritance(environment: NodeJS.ProcessEnv): Inheritance {
  const [ignored = '', openFiles = '', descriptors = ''] = (environment[INHERITED] ?? '').split(
    ' ',
  );
  const oddVariables = Buffer.from(environment[ODD_VARIABLES] ?? '', 'base64');
  for (const name of [INHERITED, ODD_VARIABLES, ...MOVED]) delete environment[name];
  return {
    ignoredSignals: signalsOf(ignored),
    softOpenFiles: limitOf(openFiles),
    descriptors: numbersIn(descriptors),
    oddVariables,
  };
}

/** What of the mask is no hexadecimal number ignores nothing. */
function signalsOf(mask: string): ReadonlySet<NodeJS.Signals> {
  if (!/^[0-9a-f]{1,16}$/i.test(mask)) return new Set();
  const bits = BigInt(`0x${mask}`);
  return new Set(SIGNAL_BITS.filter(([, bit]) => (bits & bit) !== 0n).map(([signal]) => signal));
}

function limitOf(text: string): number | undefined {
  if (text === 'unlimited') return Number.POSITIVE_INFINITY;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function numbersIn(list: string): number[] {
  return (list.match(/\d+/g) ?? []).map(Number);
}

/** Those of these signals that this process may handle: not the ones it was started to ignore. */
export function unignoredSignals(signals: readonly NodeJS.Signals[]): NodeJS.Signals[] {
  return signals.filter((signal) => !inheritance.ignoredSignals.has(signal));
}

/** Listens to those of these signals that may be handled; returns how to stop that. */
export function onSignals(
  signals: readonly NodeJS.Signals[],
  listener: (signal: NodeJS.Signals) => void,
): () => void {
  const heard = unignoredSignals(signals);
  for (const signal of heard) process.on(signal, listener);
  return () => {
    for (const signal of heard) process.off(signal, listener);
  };
}

let hasDescriptors = true;

/**
 * Closes what the caller had open besides the standard streams: a lock that it gives up, or a pipe
 * whose end it waits for, must not depend on us. Nothing can be passed to a task from then on.
 */
export function closeInheritedDescriptors(): void {
  if (!hasDescriptors) return;
  hasDescriptors = false;
  for (const fd of inheritance.descriptors) closeSync(fd);
}

/** Ignores again what was ignored when this process was started. */
export function ignoreInheritedSignals(): void {
  for (const signal of inheritance.ignoredSignals) process.on(signal, () => {});
}
