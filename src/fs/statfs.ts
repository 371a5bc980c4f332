import { statfsSync } from 'node:fs';
import type { FileSystemStat } from './file-system.ts';

const NAME_MAX = 255;

/** statfs(2) of the file system that holds `path`. */
export function statfsOf(path: string): FileSystemStat {
  const stat = statfsSync(path, { bigint: true });
  const size = Number(stat.bsize);
  return {
    blocks: stat.blocks,
    bfree: stat.bfree,
    bavail: stat.bavail,
    files: stat.files,
    ffree: stat.ffree,
    bsize: size,
    frsize: size,
    namelen: NAME_MAX,
  };
}
