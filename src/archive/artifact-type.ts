import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../sys/index.ts';

/** What a name in a task's tree can stand for. All but the first three have no content to read. */
export type ArtifactType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'character-device'
  | 'block-device';

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
