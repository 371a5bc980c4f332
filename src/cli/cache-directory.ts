import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where taskfs keeps compiled code: not Node's default, for a directory under /tmp may be anybody's. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'taskfs');
}
