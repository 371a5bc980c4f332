import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../sys/index.ts';

/** What a name in a task's tree can stand for. All but the first three have no content to read. */
export type ArtifactType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'fifo'
  | 'socket'
  | 'character-device'
  | 'block-device';

/** The file type bits of st_mode for each type. */
export const TYPE_BITS: Readonly<Record<ArtifactType, number>> = {
  file: S_IFREG,
  directory: S_IFDIR,
  symlink: S_IFLNK,
  fifo: S_IFIFO,
  socket: S_IFSOCK,
  'character-device': S_IFCHR,
  'block-device': S_IFBLK,
};

const TYPES = new Map(
  Object.entries(TYPE_BITS).map(([type, bits]) => [bits, type as ArtifactType] as const),
);

/** What st_mode says that a file is. */
export const typeOfMode = (mode: number): ArtifactType => TYPES.get(mode & S_IFMT) ?? 'file';
