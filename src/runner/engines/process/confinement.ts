import { join } from 'node:path';
import { runGroupName } from '../../../background-process.ts';
import { becomeSubreaper } from '../../../sys/index.ts';
import type { Launch } from '../engine.ts';
import {
  type ControlGroup,
  endControllerGroup,
  endGroup,
  freezeGroup,
  groupMembers,
  planControlGroup,
  readOptional,
} from './cgroup.ts';
import { planLimits } from './limiting-groups.ts';
import type { Limits } from './limits.ts';
import { endMembers, findMembers, type Mark, signalProcess } from './members.ts';
import { bootId, type ProcessInfo, readProcess, readProgram } from './processes.ts';

/** How the processes of a run are found again; plain JSON, for the record. */
export interface ConfinementState extends Mark {
  readonly boot: string;
  /** The control group's directory, where one could be made. */
  readonly group: string | null;
  /** Directories of the groups of cgroup v1 that limit it; absent: none. */
  readonly controllerGroups?: readonly string[];
}

/** What holds the processes of one run together, so that none outlives it. */
export interface Confinement {
  readonly state: ConfinementState;
  /**
   * Confines whatever this process starts until `leave`,
   * from its first instruction: nothing else may be.
   */
  enter(): void;
  /** Ends that, and sets the limits, which this process must not be under. */
  leave(): void;
}

/**
 * Plans a control group where one can be made; elsewhere this process adopts the run's orphans.
 * Nothing is made before `enter`, so that what is made can be remembered first. Throws `usage`
 * for limits that cannot be had.
 */
export function planConfinement(
  { task, attempt, staging }: Pick<Launch, 'task' | 'attempt' | 'staging'>,
  limits: Limits,
): Confinement {
  const name = runGroupName(task, attempt);
  const limiting = planLimits(name, limits);
  const limited = limiting.find(({ version }) => version === 2);
  const legacy = limiting.filter(({ version }) => version === 1);
  const own = limited ?? planControlGroup(name);
  let inside = false;
  let state: ConfinementState = {
    boot: bootId(),
    group: own?.path ?? null,
    staging,
    ...(legacy.length > 0 && { controllerGroups: legacy.map(({ path }) => path) }),
  };
  return {
    get state() {
      return state;
    },
    enter() {
      inside = true;
      for (const group of legacy) group.enter();
      if (entered(own, limited !== undefined)) return;
      state = { ...state, group: null };
      becomeSubreaper();
    },
    leave() {
      if (!inside) return;
      inside = false;
      for (const group of [...legacy, own]) group?.leave();
    },
  };
}

/** Enters a group, which a run without limits may do without; whether that was possible. */
function entered(group: ControlGroup | undefined, isNeeded: boolean): boolean {
  try {
    group?.enter();
    return group !== undefined;
  } catch (error) {
    if (isNeeded) throw error;
    return false;
  }
}

/** Kills all that is left of a run, in whatever process it was started. Idempotent. */
export async function endAll(state: ConfinementState): Promise<void> {
  if (state.boot !== bootId()) return;
  if (state.group !== null) await endGroup(state.group);
  else await endMembers(state);
  for (const group of state.controllerGroups ?? []) await endControllerGroup(group);
}

/** Whether the kernel has killed a process of a run because its limit of memory was reached. */
export function wasOutOfMemory({ group, controllerGroups = [] }: ConfinementState): boolean {
  const files = [
    ...(group === null ? [] : [join(group, 'memory.events')]),
    ...controllerGroups.map((path) => join(path, 'memory.oom_control')),
  ];
  return files.some((file) => /^oom_kill [1-9]/m.test(readOptional(file)));
}

/** The processes of a run that go on, in no order. */
export function membersOf(state: ConfinementState): ProcessInfo[] {
  const members =
    state.group === null
      ? findMembers(state)
      : groupMembers(state.group).flatMap((pid) => readProcess(pid) ?? []);
  return members.filter((info) => info.state !== 'Z' && info.state !== 'X');
}

/** The names of the programs of a run that still run, each once. */
export function programsOf(state: ConfinementState): string[] {
  return [...new Set(membersOf(state).flatMap(({ pid }) => readProgram(pid) ?? []))];
}

/** Stops or continues all processes of a run. */
export function freezeAll(state: ConfinementState, frozen: boolean): void {
  if (state.group !== null) {
    freezeGroup(state.group, frozen);
    return;
  }
  for (const info of findMembers(state)) signalProcess(info, frozen ? 'SIGSTOP' : 'SIGCONT');
}
