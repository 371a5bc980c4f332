import { join } from 'node:path';
import { textOrEmpty } from '../../../sys/index.ts';
import type { Usage } from '../run-handle.ts';
import { type ConfinementState, membersOf } from './confinement.ts';
import type { ProcessInfo } from './processes.ts';

/**
 * What the processes of a run use: by their control group, as far as it counts, else by themselves.
 * Sources: the kernel's cgroup-v2 documentation; proc_pid_stat(5), proc_pid_io(5).
 */
export function usageOf(state: ConfinementState): Usage | undefined {
  const members = membersOf(state);
  if (members.length === 0) return undefined;
  const sums = members.map(usageOfProcess);
  const sum = (field: keyof ProcessUsage): number =>
    sums.reduce((total, each) => total + each[field], 0);
  const group = state.group === null ? {} : usageOfGroup(state.group);
  return {
    cpuNs: group.cpuNs ?? sum('cpuNs'),
    memoryBytes: group.memoryBytes ?? sum('memoryBytes'),
    memoryLimitBytes: group.memoryLimitBytes ?? legacyLimit(state) ?? null,
    processes: members.length,
    readBytes: sum('readBytes'),
    writtenBytes: sum('writtenBytes'),
    receivedBytes: null,
    sentBytes: null,
  };
}

interface ProcessUsage {
  readonly cpuNs: number;
  readonly memoryBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/**
 * Clock ticks of /proc are hundredths of a second on every architecture of Linux that runs Node.
 */
const TICK_NS = 10_000_000;
const PAGE_BYTES = 4096;

/** Children that ended and were collected count with their parent. */
function usageOfProcess({ pid }: ProcessInfo): ProcessUsage {
  const stat = textOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
  const io = textOrEmpty(`/proc/${pid}/io`);
  return {
    cpuNs: ticks * TICK_NS,
    memoryBytes: Number(fields[21] ?? 0) * PAGE_BYTES,
    readBytes: numberAfter(io, 'read_bytes:') ?? 0,
    writtenBytes: numberAfter(io, 'write_bytes:') ?? 0,
  };
}

/** Which files there are depends on the controllers that the group has. */
function usageOfGroup(
  group: string,
): Partial<Pick<Usage, 'cpuNs' | 'memoryBytes' | 'memoryLimitBytes'>> {
  const file = (name: string): string => textOrEmpty(join(group, name));
  const cpu = numberAfter(file('cpu.stat'), 'usage_usec');
  const current = numberAfter(file('memory.current'), '');
  const cached = numberAfter(file('memory.stat'), 'inactive_file') ?? 0;
  const limit = numberAfter(file('memory.max'), '');
  return {
    ...(cpu !== undefined && { cpuNs: cpu * 1000 }),
    ...(current !== undefined && { memoryBytes: Math.max(0, current - cached) }),
    ...(limit !== undefined && { memoryLimitBytes: limit }),
  };
}

/** In cgroup v1, where a run has limits alone. */
function legacyLimit({ controllerGroups = [] }: ConfinementState): number | undefined {
  const limits = controllerGroups.map((group) =>
    numberAfter(textOrEmpty(join(group, 'memory.limit_in_bytes')), ''),
  );
  return limits.find((limit) => limit !== undefined);
}

function numberAfter(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(name));
  const value = line?.slice(name.length).trim();
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}
