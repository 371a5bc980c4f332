import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf, TaskfsError } from '../../../errors.ts';

/** What all processes of a run together may use; null: as much as there is. */
export interface Limits {
  /** Swap included. */
  readonly memoryBytes: number | null;
  /** How many, also a fraction. */
  readonly cpus: number | null;
  /** How many processes and threads. */
  readonly pids: number | null;
}

/** What of the kernel keeps a limit. */
export type Controller = 'memory' | 'cpu' | 'pids';

/** The controllers that limits need. */
export function controllersOf({ memoryBytes, cpus, pids }: Limits): Controller[] {
  return [
    ...(memoryBytes === null ? [] : (['memory'] as const)),
    ...(cpus === null ? [] : (['cpu'] as const)),
    ...(pids === null ? [] : (['pids'] as const)),
  ];
}

/** As docker has it: no program starts with less. */
const LEAST_MEMORY = 6 * 1024 * 1024;

/** Throws `usage` for a limit that nothing could run under. */
export function assertEnoughMemory({ memoryBytes }: Limits): void {
  if (memoryBytes === null || memoryBytes >= LEAST_MEMORY) return;
  throw new TaskfsError('usage', `--memory ${memoryBytes} is less than a program needs`, {
    hint: 'It can be 6m or more.',
  });
}

/** In which --cpus is measured, in microseconds: the kernel's own default. */
const PERIOD_US = 100_000;

/** The kernel takes no less than a millisecond of a period. */
const quotaOf = (cpus: number | null): number =>
  Math.max(1000, Math.round(Number(cpus) * PERIOD_US));

/** A file of a control group, and what is written to it. */
type Setting = readonly [file: string, value: string | number | null];

function settingsV2({ memoryBytes, cpus, pids }: Limits): Record<Controller, Setting[]> {
  return {
    memory: [
      ['memory.swap.max', 0],
      ['memory.max', memoryBytes],
    ],
    cpu: [['cpu.max', `${quotaOf(cpus)} ${PERIOD_US}`]],
    pids: [['pids.max', pids]],
  };
}

function settingsV1({ memoryBytes, cpus, pids }: Limits): Record<Controller, Setting[]> {
  return {
    memory: [
      ['memory.limit_in_bytes', memoryBytes],
      ['memory.memsw.limit_in_bytes', memoryBytes],
    ],
    cpu: [
      ['cpu.cfs_period_us', PERIOD_US],
      ['cpu.cfs_quota_us', quotaOf(cpus)],
    ],
    pids: [['pids.max', pids]],
  };
}

/** Files that only kernels with accounting of swap have. */
const OF_SWAP = ['memory.swap.max', 'memory.memsw.limit_in_bytes'];

/**
 * Sets the limits of those controllers on a group of cgroup v1 or v2. Throws `failed` where the
 * kernel refuses.
 */
export function setLimits(
  path: string,
  version: 1 | 2,
  controllers: readonly Controller[],
  limits: Limits,
): void {
  const settings = version === 1 ? settingsV1(limits) : settingsV2(limits);
  for (const [file, value] of controllers.flatMap((controller) => settings[controller])) {
    if (OF_SWAP.includes(file) && !existsSync(join(path, file))) continue;
    try {
      writeFileSync(join(path, file), String(value));
    } catch (cause) {
      const group = `the control group ${path}`;
      throw new TaskfsError(
        'failed',
        `${file} of ${group} cannot be set to ${value}: ${reasonOf(cause)}`,
        { hint: 'Groups above it may allow less.', cause },
      );
    }
  }
}
