import { constants as fileConstants, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { Errno } from '../errno.ts';
import { encodeText } from '../process/index.ts';
import { addressOf, bindLazily, check, cstring } from './libc.ts';
import { openFilesLimits, reap, setOpenFilesLimits, setSoftOpenFiles } from './process.ts';

/**
 * Starts processes by posix_spawn(3): with bytes that are not UTF-8, descriptors at the numbers
 * that they have here, and limits of their own, none of which Node's spawn can pass.
 */

/** What to start. All text is that of `decodeBytes`. */
export interface SpawnOptions {
  /** A path; a bare name is not searched for. */
  readonly file: string;
  /** With the name that the program is called by in front. */
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly environment: readonly string[];
  /** Left out: the one of this process. */
  readonly cwd?: string | undefined;
  /** Descriptors of this process by their numbers in the new one, which gets no others. */
  readonly descriptors: ReadonlyMap<number, number>;
  /** In a session of its own, without the terminal of this one. */
  readonly newSession: boolean;
  /** The path of a terminal that its new session gets, and that its standard streams are. */
  readonly terminal?: string | undefined;
  readonly ignoredSignals?: readonly NodeJS.Signals[] | undefined;
  /** Its soft limit of open files; left out: the one of this process. */
  readonly softOpenFiles?: number | undefined;
}

/** How a process ended: one of both is null. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** Resolves once it ended; it is collected then. */
  readonly ended: Promise<ProcessEnd>;
}

/** To be bound as it is called. */
export const POSIX_SPAWN =
  'int posix_spawn(void *, const void *, const void *, const void *, const void *, const void *)';

const c = {
  spawn: bindLazily(POSIX_SPAWN),
  initAttributes: bindLazily('int posix_spawnattr_init(void *)'),
  setFlags: bindLazily('int posix_spawnattr_setflags(void *, short)'),
  setDefaults: bindLazily('int posix_spawnattr_setsigdefault(void *, const void *)'),
  setMask: bindLazily('int posix_spawnattr_setsigmask(void *, const void *)'),
  destroyAttributes: bindLazily('int posix_spawnattr_destroy(void *)'),
  initActions: bindLazily('int posix_spawn_file_actions_init(void *)'),
  addDuplicate: bindLazily('int posix_spawn_file_actions_adddup2(void *, int, int)'),
  addOpen: bindLazily(
    'int posix_spawn_file_actions_addopen(void *, int, const void *, int, unsigned int)',
  ),
  addClose: bindLazily('int posix_spawn_file_actions_addclose(void *, int)'),
  addDirectory: bindLazily('int posix_spawn_file_actions_addchdir_np(void *, const void *)'),
  destroyActions: bindLazily('int posix_spawn_file_actions_destroy(void *)'),
  sigaction: bindLazily('int sigaction(int, const void *, void *)'),
  fcntl: bindLazily('int fcntl(int, int, int)'),
  syscall: bindLazily('int64_t syscall(int64_t, int64_t, int64_t, int64_t)'),
};

/** More than glibc's posix_spawnattr_t and posix_spawn_file_actions_t take, in bytes. */
const OPAQUE_BYTES = 512;

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;

const ALL_SIGNALS = Buffer.alloc(128, 0xff);
const NO_SIGNALS = Buffer.alloc(128);

/** Starts a process, which has executed its program when this returns. Throws Errno. */
export function spawnProcess(options: SpawnOptions): SpawnedProcess {
  const { ignoredSignals = [], softOpenFiles } = options;
  const call = prepareSpawn(options);
  watchChildren();
  try {
    const start = (): number => c.spawn(...call.args);
    refuse(withOpenFiles(softOpenFiles, () => withIgnored(ignoredSignals, start)));
  } finally {
    call.free();
  }
  const pid = call.pid();
  return { pid, ended: endOf(pid) };
}

/** A call of posix_spawn(3). */
interface SpawnCall {
  readonly args: readonly Buffer[];
  /** Known after the call. */
  pid(): number;
  /** To be called after the call. */
  free(): void;
}

/** Prepares a call; `gate` is a FIFO that the process waits at (`spawnAtGate`). */
export function prepareSpawn(options: SpawnOptions, gate?: string): SpawnCall {
  const { file, argv, environment } = options;
  const pid = Buffer.alloc(4);
  const path = cstring(encodeText(file));
  const attributes = makeAttributes(options);
  const actions = makeActions(options, gate);
  closeOnExec();
  return {
    args: [pid, path, actions, attributes, stringList(argv), stringList(environment)],
    pid: () => pid.readInt32LE(0),
    free() {
      c.destroyAttributes(attributes);
      c.destroyActions(actions);
    },
  };
}

/** These functions return an errno instead of setting one. */
export function refuse(number: number): void {
  if (number !== 0) throw Errno.of(number);
}

function makeAttributes({ newSession, ignoredSignals = [] }: SpawnOptions): Buffer {
  const attributes = Buffer.alloc(OPAQUE_BYTES);
  refuse(c.initAttributes(attributes));
  refuse(c.setFlags(attributes, SETSIGDEF | SETSIGMASK | (newSession ? SETSID : 0)));
  const byDefault = Buffer.from(ALL_SIGNALS);
  for (const signal of ignoredSignals) {
    const bit = constants.signals[signal] - 1;
    byDefault[bit >> 3] = (byDefault[bit >> 3] ?? 0) & ~(1 << (bit & 7));
  }
  refuse(c.setDefaults(attributes, byDefault));
  refuse(c.setMask(attributes, NO_SIGNALS));
  return attributes;
}

function makeActions({ cwd, descriptors, terminal }: SpawnOptions, gate?: string): Buffer {
  const actions = Buffer.alloc(OPAQUE_BYTES);
  refuse(c.initActions(actions));
  if (gate !== undefined) waitAtGate(actions, gate, [...descriptors.values()]);
  if (terminal !== undefined) {
    // The leader of a session gets the first terminal that it opens as its controlling one.
    refuse(c.addOpen(actions, 0, cstring(terminal), fileConstants.O_RDWR, 0));
    for (const stream of [1, 2]) refuse(c.addDuplicate(actions, 0, stream));
  }
  // One that keeps its number loses its close-on-exec by this.
  for (const [theirs, ours] of descriptors) refuse(c.addDuplicate(actions, ours, theirs));
  if (cwd !== undefined) refuse(c.addDirectory(actions, cstring(encodeText(cwd))));
  return actions;
}

/**
 * Lets the process wait until the gate is opened for writing, and start only if it is still there
 * then. It keeps nothing open meanwhile but what it will need: no lock, and no pipe of others.
 */
function waitAtGate(actions: Buffer, gate: string, needed: readonly number[]): void {
  const others = openDescriptors().filter((fd) => !needed.includes(fd));
  for (const fd of others) refuse(c.addClose(actions, fd));
  const [free = 0] = [0, ...needed.map((fd) => fd + 1)].filter((fd) => !needed.includes(fd));
  const path = cstring(gate);
  for (const flags of [fileConstants.O_RDONLY, fileConstants.O_RDONLY | fileConstants.O_NONBLOCK]) {
    refuse(c.addOpen(actions, free, path, flags, 0));
  }
  refuse(c.addClose(actions, free));
}

/** A NULL-terminated array of C strings, and the strings behind it. */
function stringList(texts: readonly string[]): Buffer {
  const strings = texts.map((text) => cstring(encodeText(text)));
  const table = Buffer.alloc(8 * (strings.length + 1));
  const list = Buffer.concat([table, ...strings]);
  let address = addressOf(list) + BigInt(table.length);
  for (const [index, { length }] of strings.entries()) {
    list.writeBigUInt64LE(address, 8 * index);
    address += BigInt(length);
  }
  return list;
}

const CLOSE_RANGE_CLOEXEC = 4;
const LAST_DESCRIPTOR = 0xffffffff;
const SYS_CLOSE_RANGE = 436;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * Keeps every descriptor but the standard ones from the programs that this process starts from
 * here on, unless they are handed over: Node leaves many of those open that it was started with.
 */
export function closeOnExec(): void {
  if (c.syscall(SYS_CLOSE_RANGE, 3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC) === 0) return;
  // Before Linux 5.11 one by one; the listing's own descriptor is closed by then.
  for (const fd of openDescriptors()) if (fd > 2) c.fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/** The numbers of this process's descriptors; that of the listing itself is among them. */
const openDescriptors = (): number[] => readdirSync('/proc/self/fd').map(Number);

/** Does something under another soft limit of open files, which a new process inherits. */
function withOpenFiles<T>(wanted: number | undefined, action: () => T): T {
  if (wanted === undefined) return action();
  const before = openFilesLimits();
  setSoftOpenFiles(wanted);
  try {
    return action();
  } finally {
    setOpenFilesLimits(before);
  }
}

/** More than glibc's struct sigaction takes, in bytes; the handler comes first. */
const SIGACTION_BYTES = 256;
const SIG_IGN = 1n;

/** Does something while signals are ignored, as a new process inherits; then restores them. */
function withIgnored<T>(signals: readonly NodeJS.Signals[], action: () => T): T {
  const restore = ignoreSignals(signals);
  try {
    return action();
  } finally {
    restore();
  }
}

/** Ignores signals, as a new process inherits, until what is returned is called. */
export function ignoreSignals(signals: readonly NodeJS.Signals[]): () => void {
  const ignore = Buffer.alloc(SIGACTION_BYTES);
  ignore.writeBigUInt64LE(SIG_IGN, 0);
  const before = signals.map((signal) => {
    const old = Buffer.alloc(SIGACTION_BYTES);
    const number = constants.signals[signal];
    check(c.sigaction(number, ignore, old));
    return { number, old };
  });
  return () => {
    for (const { number, old } of before) check(c.sigaction(number, old, null));
  };
}

const running = new Map<number, (end: ProcessEnd) => void>();
let keepAlive: NodeJS.Timeout | undefined;

/** The longest that a timer may take, in milliseconds. */
const LONG_MS = 2 ** 31 - 1;

/** Called before a process is started, so that no end is missed. */
export function watchChildren(): void {
  // A handler of signals alone does not keep Node going.
  keepAlive ??= setInterval(() => {}, LONG_MS);
  if (!process.listeners('SIGCHLD').includes(collect)) process.on('SIGCHLD', collect);
}

// Collected from the event loop alone: until then, whoever started a process finds it in /proc
// even if it has ended.
export function endOf(pid: number): Promise<ProcessEnd> {
  return new Promise((resolve) => running.set(pid, resolve));
}

/** Forgets one that has not become a process of its own. */
export function neverBegan(pid: number): void {
  running.delete(pid);
}

function collect(): void {
  for (const [pid, resolve] of running) {
    const status = reap(pid);
    if (status === undefined) continue;
    running.delete(pid);
    resolve(decodeStatus(status));
  }
  if (running.size > 0) return;
  clearInterval(keepAlive);
  keepAlive = undefined;
}

/** Decodes a status of wait(2): the signal in the low seven bits, else the exit code above. */
function decodeStatus(status: number): ProcessEnd {
  const number = status & 0x7f;
  if (number === 0) return { exitCode: (status >> 8) & 0xff, signal: null };
  return { exitCode: null, signal: signalName.get(number) ?? (`SIG${number}` as NodeJS.Signals) };
}

const signalName = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);
