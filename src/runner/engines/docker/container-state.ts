import type { EngineState } from '../engine.ts';
import type { ChownPlan } from './chown-artifacts.ts';
import type { Endpoint } from './endpoint.ts';

/** What is remembered of a run, in the task's record. */
export interface ContainerState {
  readonly endpoint: Endpoint;
  /** The container's name: known before there is one, so that none is left behind unknown. */
  readonly container: string;
  readonly tty: boolean;
  /** The file of its log offsets. */
  readonly ledger: string;
  /** How its files are made the caller's; null where they are already. */
  readonly reclaim: ChownPlan | null;
}

/** The state of a run as a task's record kept it. */
export const readState = (state: EngineState): ContainerState => state as unknown as ContainerState;
