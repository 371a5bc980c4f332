import type { Readable } from 'node:stream';
import type { Store, TaskName } from '../store/index.ts';
import type { Caller } from './caller.ts';
import type { Running } from './engines/engine.ts';
import type { FinishOptions } from './finish.ts';
import type { Claim, Journal } from './journal.ts';
import type { Sinks } from './output.ts';
import type { Requests } from './requests.ts';

export interface SuperviseOptions extends FinishOptions, Sinks {
  /** What a local task has from its caller; left out: what this process was started with. */
  readonly caller?: Caller | undefined;
  /** Finishes a task whose supervisor died, where this one is to run after it. */
  readonly recoverTask?: ((store: Store, task: TaskName) => Promise<unknown>) | undefined;
  /** What the task reads (`-i`); it has no input without. */
  readonly stdin?: Readable | undefined;
  /** Called at the start of each attempt's command; what it returns, at its end. */
  readonly onRunning?: ((running: Running) => (() => void) | undefined) | undefined;
}

/** What the supervisor of one task works with, from its queue slot to the sealed archive. */
export interface SupervisorContext {
  readonly claim: Claim;
  readonly journal: Journal;
  readonly requests: Requests;
  readonly options: SuperviseOptions;
}
