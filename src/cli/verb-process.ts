import { closeSync, openSync, readSync } from 'node:fs';
import { inheritance, rawEnvironment } from '../process/index.ts';
import { makeMemoryFile, type ProcessEnd, spawnProcess } from '../sys/index.ts';

/** Where the streams of a verb lead. What is `kept` can be read while it runs. */
export interface VerbStreams {
  /** Of its standard input and output: those of this process, or nothing and `kept`. */
  readonly main: 'terminal' | 'kept';
  /** Of its standard error. */
  readonly errors: 'terminal' | 'kept';
  /** Whether it survives the end of the terminal. */
  readonly staysAlive: boolean;
}

/** A verb that runs as a process of its own. */
export interface RunningVerb extends Disposable {
  readonly ended: Promise<ProcessEnd>;
  /** What it has written so far to the streams that are kept. */
  printed(): string;
  said(): string;
}

/** Starts a verb of this command line, by words that are text of `decodeBytes`. */
export function startVerb(words: readonly string[], streams: VerbStreams): RunningVerb {
  const [output, errors] = [makeMemoryFile('printed'), makeMemoryFile('said')];
  const nowhere = openSync('/dev/null', 'r');
  const isOnTerminal = streams.main === 'terminal';
  const [main = ''] = process.argv.slice(1);
  const { ended } = spawnProcess({
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, main, ...words],
    environment: rawEnvironment(),
    descriptors: new Map([
      [0, isOnTerminal ? 0 : nowhere],
      [1, isOnTerminal ? 1 : output],
      [2, streams.errors === 'terminal' ? 2 : errors],
    ]),
    newSession: streams.staysAlive,
    ignoredSignals: [...inheritance.ignoredSignals],
  });
  closeSync(nowhere);
  return {
    ended,
    printed: () => beginningOf(output),
    said: () => beginningOf(errors),
    [Symbol.dispose]: () => {
      closeSync(output);
      closeSync(errors);
    },
  };
}

/** What fits on a screen, in bytes. */
const MOST_BYTES = 4_096;

/** At a position: the verb has left the common offset at the end. */
function beginningOf(file: number): string {
  const bytes = Buffer.alloc(MOST_BYTES);
  return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, 0));
}
