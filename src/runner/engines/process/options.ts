import { runGroupName } from '../../../background-process.ts';
import { type ContainerOptions, readContainerOptions } from '../container/index.ts';
import { planLimits } from './limiting-groups.ts';

/** What `taskfs run` may ask of a local process, as `options` of the task's record. */
export type ProcessOptions = Pick<
  ContainerOptions,
  'memoryBytes' | 'cpus' | 'pids' | 'interactive' | 'tty' | 'consoleSize'
>;

/** Reads a record's options; they are a part of those that containers have. Throws as that does. */
export function readProcessOptions(options: Readonly<Record<string, unknown>>): ProcessOptions {
  const { memoryBytes, cpus, pids, interactive, tty, consoleSize } = readContainerOptions(options);
  return { memoryBytes, cpus, pids, interactive, tty, consoleSize };
}

/** Throws `usage` where options cannot be had here, such as limits. Changes nothing. */
export function assertProcessOptions(options: Readonly<Record<string, unknown>>): void {
  planLimits(runGroupName('', 0), readProcessOptions(options));
}
