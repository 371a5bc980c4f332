import { join } from 'node:path';
import { runGroupName } from '../../../background-process.ts';
import {
  becomeSubreaper,
  closeGate,
  moveToControlGroup,
  type SpawnedProcess,
  spawnAtGate,
  spawnProcess,
  textOrEmpty,
} from '../../../sys/index.ts';
import type { Launch } from '../engine.ts';
import {
  type ControlGroup,
  endControllerGroup,
  endGroup,
  enterGroup,
  freezeGroup,
  groupMembers,
  planControlGroup,
} from './cgroup.ts';
import type { Spawn } from './command.ts';
import { type LimitingGroup, planLimits } from './limiting-groups.ts';
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
  /** Where the command waits at its start, if it has limits. */
  readonly gate?: string;
}

/** What holds the processes of one run together, so that none outlives it. */
export interface Confinement {
  readonly state: ConfinementState;
  /**
   * Calls `start` with what starts a process that is confined from its first instruction. Nothing
   * else may be started meanwhile.
   */
  start(start: (spawn: Spawn) => Promise<SpawnedProcess>): Promise<SpawnedProcess>;
}

/**
 * Plans a control group where one can be made; elsewhere this process adopts the run's orphans.
 * Nothing is made before `start`, so that what is made can be remembered first. Throws `usage`
 * for limits that cannot be had.
 */
export function planConfinement(
  { task, attempt, staging, scratch }: Pick<Launch, 'task' | 'attempt' | 'staging' | 'scratch'>,
  limits: Limits,
): Confinement {
  const name = runGroupName(task, attempt);
  const mark = { boot: bootId(), staging };
  const limiting = planLimits(name, limits);
  return limiting.length === 0
    ? confineFreely(mark, planControlGroup(name))
    : confineWithin(mark, limiting, planControlGroup(name), join(scratch, 'gate'));
}

type RunMark = Pick<ConfinementState, 'boot' | 'staging'>;

/** This process is in the group while it starts the command: it costs less than a gate. */
function confineFreely(mark: RunMark, group: ControlGroup | undefined): Confinement {
  let path = group?.path ?? null;
  return {
    get state() {
      return { ...mark, group: path };
    },
    start: (start) =>
      start((options) => {
        const leave = group && enterGroup(group);
        if (leave === undefined) {
          path = null;
          becomeSubreaper();
        }
        try {
          return spawnProcess(options);
        } finally {
          leave?.();
        }
      }),
  };
}

/**
 * This process never is in a group with limits, for its memory and threads would count: the command
 * waits at a gate until it is in all of them.
 */
function confineWithin(
  mark: RunMark,
  limiting: readonly LimitingGroup[],
  plain: ControlGroup | undefined,
  gate: string,
): Confinement {
  const unified = limiting.find(({ version }) => version === 2);
  const legacy = limiting.filter(({ version }) => version === 1);
  const own = unified ?? plain;
  const groups = own === undefined ? legacy : [...legacy, own];
  const controllerGroups = legacy.map(({ path }) => path);
  const state: ConfinementState = {
    ...mark,
    group: own?.path ?? null,
    gate,
    ...(legacy.length > 0 && { controllerGroups }),
  };
  return {
    state,
    async start(start) {
      if (own === undefined) becomeSubreaper();
      for (const group of groups) group.make();
      return start((options) =>
        spawnAtGate(options, gate, (pid) => {
          for (const { path } of groups) moveToControlGroup(path, pid);
        }),
      );
    },
  };
}

/** Kills all that is left of a run, in whatever process it was started. Idempotent. */
export async function endAll(state: ConfinementState): Promise<void> {
  if (state.boot !== bootId()) return;
  const gateIsLeft = state.gate === undefined ? undefined : closeGate(state.gate);
  if (state.group !== null) await endGroup(state.group);
  else await endMembers(state);
  for (const group of state.controllerGroups ?? []) await endControllerGroup(group);
  gateIsLeft?.();
}

/** Whether the kernel has killed a process of a run because its limit of memory was reached. */
export function wasOutOfMemory({ group, controllerGroups = [] }: ConfinementState): boolean {
  const files = [
    ...(group === null ? [] : [join(group, 'memory.events')]),
    ...controllerGroups.map((path) => join(path, 'memory.oom_control')),
  ];
  return files.some((file) => /^oom_kill [1-9]/m.test(textOrEmpty(file)));
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
