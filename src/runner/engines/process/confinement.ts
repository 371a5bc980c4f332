import { runGroupName } from '../../../background-process.ts';
import { becomeSubreaper } from '../../../sys/index.ts';
import { endGroup, freezeGroup, groupMembers, planControlGroup } from './cgroup.ts';
import { endMembers, findMembers, type Mark, signalProcess } from './members.ts';
import { bootId, readProcess, readProgram } from './processes.ts';

/** How the processes of a run are found again; plain JSON, for the record. */
export interface ConfinementState extends Mark {
  readonly boot: string;
  /** The control group's directory, where one could be made. */
  readonly group: string | null;
}

/** What holds the processes of one run together, so that none outlives it. */
export interface Confinement {
  readonly state: ConfinementState;
  /**
   * Confines whatever this process starts until `leave`,
   * from its first instruction: nothing else may be.
   */
  enter(): void;
  leave(): void;
}

/**
 * Plans a control group where one can be made; elsewhere this process adopts the run's orphans.
 * Nothing is made before `enter`, so that what is made can be remembered first.
 */
export function planConfinement(task: string, attempt: number, staging: string): Confinement {
  const group = planControlGroup(runGroupName(task, attempt));
  let state: ConfinementState = { boot: bootId(), group: group?.path ?? null, staging };
  return {
    get state() {
      return state;
    },
    enter() {
      if (group?.enter()) return;
      state = { ...state, group: null };
      becomeSubreaper();
    },
    leave: () => group?.leave(),
  };
}

/** Kills all that is left of a run, in whatever process it was started. Idempotent. */
export async function endAll(state: ConfinementState): Promise<void> {
  if (state.boot !== bootId()) return;
  if (state.group !== null) await endGroup(state.group);
  else await endMembers(state);
}

/** The names of the programs of a run that still run, each once. */
export function programsOf(state: ConfinementState): string[] {
  const members =
    state.group === null
      ? findMembers(state)
      : groupMembers(state.group).flatMap((pid) => readProcess(pid) ?? []);
  const living = members.filter((info) => info.state !== 'Z' && info.state !== 'X');
  return [...new Set(living.flatMap(({ pid }) => readProgram(pid) ?? []))];
}

/** Stops or continues all processes of a run. */
export function freezeAll(state: ConfinementState, frozen: boolean): void {
  if (state.group !== null) {
    freezeGroup(state.group, frozen);
    return;
  }
  for (const info of findMembers(state)) signalProcess(info, frozen ? 'SIGSTOP' : 'SIGCONT');
}
