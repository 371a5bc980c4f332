import { readdirSync, readFileSync } from 'node:fs';
import { decodeBytes } from '../../../process/index.ts';

/** A process as /proc/<pid>/stat shows it. */
export interface ProcessInfo {
  readonly pid: number;
  /** R, S, D, T, Z… as in ps(1). */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot: with the pid, it names a process for good until the next boot. */
  readonly startTime: number;
}

/** One process, or undefined where it is gone. Format: proc_pid_stat(5). */
export function readProcess(pid: number): ProcessInfo | undefined {
  const text = readProcFile(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The program's name may hold blanks and parentheses: the fields start after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index]);
  return {
    pid,
    state: fields[0] ?? '?',
    parent: number(1),
    group: number(2),
    session: number(3),
    startTime: number(19),
  };
}

/** All processes of this pid namespace. */
export function listProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((found) => found !== undefined);
}

/**
 * The value of a variable in the environment a process was
 * started with; undefined where it cannot be read.
 */
export function readVariable(pid: number, name: string): string | undefined {
  const text = readProcFile(`/proc/${pid}/environ`);
  const entry = text?.split('\0').find((line) => line.startsWith(`${name}=`));
  return entry?.slice(name.length + 1);
}

/** The same of all of its variables, `NAME=value`, as text of `decodeBytes`. */
export function readEnvironment(pid: number): string[] | undefined {
  try {
    const all = readFileSync(`/proc/${pid}/environ`);
    return decodeBytes(all)
      .split('\0')
      .filter((entry) => entry !== '');
  } catch {
    return undefined;
  }
}

/**
 * The command line of a process, the name that it was called by in front; empty where it is gone.
 */
export const readArguments = (pid: number): readonly string[] =>
  readProcFile(`/proc/${pid}/cmdline`)?.split('\0') ?? [];

/** The name of a process's program, as ps(1) shows it; undefined where it is gone. */
export const readProgram = (pid: number): string | undefined =>
  readProcFile(`/proc/${pid}/comm`)?.trimEnd();

/** Distinguishes pids and start times of this boot from those of an earlier one. */
export function bootId(): string {
  return readProcFile('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Ended between being listed and read, or of another user: it is none of ours.
    return undefined;
  }
}

/** Signals a process, or by a negative number its group; one that is gone is fine. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
