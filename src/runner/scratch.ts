import { join } from 'node:path';

/** Where an engine keeps small files about a task, in the task's directory; removed once it is sealed. */
export function scratchDirectory(directory: string): string {
  return join(directory, 'engine');
}
