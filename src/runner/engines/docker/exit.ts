import { constants } from 'node:os';
import type { Exit } from '../engine.ts';

/** What an engine says of a container that ended. */
interface State {
  readonly ExitCode: number;
  readonly OOMKilled: boolean;
  readonly Error?: string;
}

/**
 * How a container ended. OOMKilled is also set where only a
 * child was killed and the command went on.
 */
export function exitOf({ ExitCode: exitCode, OOMKilled: oomKilled }: State): Exit {
  if (oomKilled && exitCode !== 0) {
    const reason = 'out of memory: the container reached its limit';
    return { exitCode, signal: null, kind: 'out-of-memory', reason };
  }
  const signal = signalOf(exitCode);
  if (signal) {
    const reason = `ended by ${signal} (${constants.signals[signal]})`;
    return { exitCode: null, signal, kind: 'signal', reason };
  }
  const words = { 126: ': the command is not executable', 127: ': command not found' }[exitCode];
  return { exitCode, signal: null, kind: 'exit', reason: `exited with ${exitCode}${words ?? ''}` };
}

const SIGNAL_EXIT = 128;

/** The signal that an exit code stands for: an engine reports 128+n, as a shell does. */
function signalOf(exitCode: number): NodeJS.Signals | undefined {
  const names = Object.entries(constants.signals);
  return names.find(([, number]) => number === exitCode - SIGNAL_EXIT)?.[0] as
    | NodeJS.Signals
    | undefined;
}
