import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../sys/index.ts';
import type { ArtifactType } from '../artifacts/artifact.ts';

const TYPES: ReadonlyMap<number, ArtifactType> = new Map([
  [S_IFDIR, 'directory'],
  [S_IFLNK, 'symlink'],
  [S_IFIFO, 'fifo'],
  [S_IFSOCK, 'socket'],
  [S_IFCHR, 'character-device'],
  [S_IFBLK, 'block-device'],
]);

/** What st_mode says that a file is. */
export const typeOfMode = (mode: number): ArtifactType => TYPES.get(mode & S_IFMT) ?? 'file';
