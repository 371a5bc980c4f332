import type { EngineState } from '../engine.ts';
import type { Reclaim } from './chown-artifacts.ts';
import type { Endpoint } from './endpoint.ts';

/** What is remembered of a run. */
export interface ContainerState {
  readonly endpoint: Endpoint;
  /** The container's name: known before there is one, so that none is left behind unknown. */
  readonly container: string;
  readonly tty: boolean;
  readonly ledger: string;
  /** How its files are made the caller's; null where they are already. */
  readonly reclaim: Reclaim | null;
}

/** The state of a run as a task's record kept it. */
export const readState = (state: EngineState): ContainerState => state as unknown as ContainerState;
