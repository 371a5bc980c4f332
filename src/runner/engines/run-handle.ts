import type { Writable } from 'node:stream';

/**
 * A further command in a run, whose streams are those of this process. Text is that of
 * `decodeBytes`; a container's is plain.
 */
export interface ExecRequest {
  readonly command: readonly string[];
  /** Variables besides those that the run has. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs; null: where the run's command was started. */
  readonly cwd: string | null;
  /** In a container, as whom; null: as the run. */
  readonly user: string | null;
  /** Whether it reads standard input; else it has none. */
  readonly interactive: boolean;
  /** Whether it has a terminal: in a container one of its own, else this process's. */
  readonly tty: boolean;
}

/** A further command that was started. */
export interface ExecRunning {
  readonly ended: Promise<{
    readonly exitCode: number | null;
    readonly signal: NodeJS.Signals | null;
  }>;
  /** Sends it a signal, where it is a child of this process. */
  signal?(signal: NodeJS.Signals): void;
  /** Gives its terminal another size, where it has one of its own. */
  resize?(rows: number, columns: number): Promise<void>;
}

/** What a run has used so far, and uses now; null where that cannot be known. */
export interface Usage {
  /** Processor time since its start, in nanoseconds. */
  readonly cpuNs: number;
  /** Bytes in memory, without what is only cached. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number | null;
  readonly processes: number;
  /** Bytes read from and written to disks. */
  readonly readBytes: number | null;
  readonly writtenBytes: number | null;
  /** Bytes received and sent. */
  readonly receivedBytes: number | null;
  readonly sentBytes: number | null;
}

/** Writes to a run's standard input, and to its terminal where it has one. */
export interface RunInput {
  readonly stream: Writable;
  resize(rows: number, columns: number): Promise<void>;
}

/** A run as any process reaches it that is not its supervisor. */
export interface RunHandle {
  /** Starts a further command in it. Throws as `Engine.start` does. */
  exec(request: ExecRequest): Promise<ExecRunning>;
  /** Sends its command a signal; one that has ended is fine. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** Undefined where it has ended. */
  usage(): Promise<Usage | undefined>;
  /** Opens its standard input, where somebody else than its supervisor can. */
  openInput?(): Promise<RunInput>;
}
