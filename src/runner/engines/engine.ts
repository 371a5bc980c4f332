import type { Readable, Writable } from 'node:stream';
import type { Caller } from '../caller.ts';
import type { RunHandle } from './run-handle.ts';

/**
 * What an engine is to start: everything resolved, secrets included; never written to disk.
 * Command, directory and variables are text of `decodeBytes`; a container's are plain.
 */
export interface Launch {
  readonly task: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly command: readonly string[];
  /** What a local task has from its caller. */
  readonly caller: Caller;
  /** Process: a directory of this machine. Container: one inside, or null for the image's own. */
  readonly cwd: string | null;
  /** Variables given with -e, values resolved; TASKFS_ARTIFACTS is the engine's to add. */
  readonly env: Readonly<Record<string, string>>;
  /** The task's staging directory, absolute. */
  readonly staging: string;
  /** A directory of the task for small files that an engine needs to find its place again. */
  readonly scratch: string;
  readonly image: string | null;
  /** Engine-specific settings, as the record's `options`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Where the task's output goes, in the order in which it came. */
export interface Output {
  /**
   * The streams need not be told apart: an engine may use
   * one pipe for both, which keeps their order.
   */
  readonly merged?: boolean;
  /**
   * Both streams end in the log; a foreground run shows each on its own. A promise means that the
   * reader is behind: an engine that can, waits for it before it reads more. The engine reuses the
   * chunk once this returned: whoever keeps it, copies it.
   */
  write(stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> | undefined;
  /** Some of the output is lost, and why. */
  cut?(why: string): void;
  /** The progress of the work before the start. */
  readonly progress?: ((step: Progress) => void) | undefined;
}

/** A step of the work before a start, such as one layer of an image that is pulled. */
export interface Progress {
  /** What is being done, to what: `Downloading 3f2a…`. */
  readonly what: string;
  /** Distinguishes parallel steps. */
  readonly id: string;
  /** In bytes; null where nobody knows. */
  readonly done: number | null;
  readonly total: number | null;
}

/** How a run ended: exactly one of exitCode and signal is set, unless the engine lost it. */
export interface Exit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly kind: 'exit' | 'signal' | 'out-of-memory' | 'engine-lost' | 'interrupted';
  /** In words, for the record. */
  readonly reason: string;
  /** Nothing is left that could touch the files: they may be sealed before the run is removed. */
  readonly isOver?: boolean;
  /** Names of the programs that the command left running, and that were ended with it. */
  readonly endedWithIt?: readonly string[];
}

/**
 * What an engine needs to find a run again after its supervisor died; plain JSON, for the record.
 */
export type EngineState = Readonly<Record<string, unknown>>;

/** A run in progress. */
export interface Running {
  /** Resolves once, after the last byte of output was handed on. Never rejects. */
  readonly ended: Promise<Exit>;
  /**
   * The signal that asks the run to end, as the engine takes it: `SIGQUIT`, `3`. Default: SIGTERM.
   */
  readonly stopSignal?: string;
  /**
   * Sends a signal to all processes of the run: one of
   * Node's, or its stop signal; one that has ended is fine.
   */
  signal(signal: NodeJS.Signals | (string & {})): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** stdin of a run started with `interactive`. */
  readonly stdin?: Writable | undefined;
  /** Gives the run's terminal, where it has one, another size. */
  resize?(rows: number, columns: number): Promise<void>;
}

/** What is known of a run from its task's record. */
export type RunFacts = Pick<Launch, 'task' | 'cwd' | 'staging' | 'options'> & {
  readonly paused: boolean;
};

/** Options of a start. */
export interface StartOptions {
  /** What the run reads, where it is interactive. */
  readonly stdin?: Readable | undefined;
  /**
   * Ends the work before the run at once: reaching the engine, fetching an image. The start throws
   * then. Once there is a run, ending it is a matter of its signals.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface Engine {
  readonly name: string;
  /**
   * Starts a run. `remember` is called (and has returned) before anything runs that could outlive
   * this process. Throws TaskfsError: `command-not-found`, `not-executable`, or what else kept it
   * from starting; then nothing is left behind.
   */
  start(
    launch: Launch,
    output: Output,
    remember: (state: EngineState) => void,
    options?: StartOptions,
  ): Promise<Running>;
  /**
   * Finds a run again from what was remembered. `logged` is how many bytes of its output are in
   * the log already. An ended run whose exit code the engine still knows is a Running that ends at
   * once; undefined where nothing can be known any more.
   */
  attach(state: EngineState, logged: number, output: Output): Promise<Running | undefined>;
  /**
   * A run that is not over, for others than its supervisor; undefined where it is. Throws `failed`
   * where it is out of reach.
   */
  reach(state: EngineState, launch: RunFacts): Promise<RunHandle | undefined>;
  /** Ends and removes whatever is left of a run: processes, containers. Idempotent. */
  remove(state: EngineState): Promise<void>;
}
