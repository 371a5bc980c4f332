import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type {
  Engine,
  EngineState,
  Launch,
  Output,
  StartOptions,
} from '../../src/runner/engines/engine.ts';
import type { Progress, Running } from '../../src/runner/index.ts';
import { currentCaller } from '../../src/runner/index.ts';
import { temporaryDirectory } from './temporary.ts';

/** What an engine handed on. */
export interface Collected extends Output {
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Readonly<Record<'stdout' | 'stderr', Buffer>>;
  /** For each byte in the order of its coming the stream: 1 stdout, 2 stderr. */
  readonly order: Buffer;
  /** Steps of the work before the start. */
  readonly steps: readonly Progress[];
}

export function collect(): Collected {
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const whole = (stream: 'stdout' | 'stderr'): Buffer => Buffer.concat(chunks[stream]);
  const order: Buffer[] = [];
  const steps: Progress[] = [];
  return {
    steps,
    progress: (step) => void steps.push(step),
    write(stream, chunk) {
      order.push(Buffer.alloc(chunk.length, stream === 'stdout' ? 1 : 2));
      chunks[stream].push(Buffer.from(chunk));
      return undefined;
    },
    get stdout() {
      return whole('stdout').toString();
    },
    get stderr() {
      return whole('stderr').toString();
    },
    get order() {
      return Buffer.concat(order);
    },
    get bytes() {
      return { stdout: whole('stdout'), stderr: whole('stderr') };
    },
  };
}

/** A run of an engine, started for a test. */
export interface EngineRun {
  readonly launch: Launch;
  readonly output: Collected;
  readonly running: Running;
  readonly state: () => EngineState;
}

/** A launch in a task's directories of its own, removed when the test ends. */
export function newLaunch(command: readonly string[], more: Partial<Launch> = {}): Launch {
  const directory = temporaryDirectory();
  const paths = { staging: join(directory, 'staging/task'), scratch: join(directory, 'scratch') };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    task: 'task',
    attempt: 1,
    command,
    caller: currentCaller(),
    cwd: null,
    env: {},
    image: null,
    options: {},
    ...paths,
    ...more,
  };
}

/** Starts a command with an engine; whatever is left of it is removed when the test ends. */
export async function startRun(
  engine: Engine,
  launch: Launch,
  options: StartOptions = {},
): Promise<EngineRun> {
  const output = collect();
  let state: EngineState | undefined;
  onTestFinished(async () => {
    if (state) await engine.remove(state);
  });
  const remember = (latest: EngineState): void => {
    state = latest;
  };
  const running = await engine.start(launch, output, remember, options);
  return { launch, output, running, state: () => state ?? {} };
}
