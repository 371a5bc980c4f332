import type { ArtifactType } from '../store/index.ts';
import { dateOf } from '../sys/index.ts';

const letters: Readonly<Record<ArtifactType, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  'character-device': 'c',
  'block-device': 'b',
};

/** Type and permission bits as ls(1) writes them, `-rwxr-xr-x`. */
export function showMode(type: ArtifactType, mode: number): string {
  const triple = (bits: number, special: boolean, letter: string): string => {
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return [
    letters[type],
    triple(mode >> 6, (mode & 0o4000) !== 0, 's'),
    triple(mode >> 3, (mode & 0o2000) !== 0, 's'),
    triple(mode, (mode & 0o1000) !== 0, 't'),
  ].join('');
}

/** A file's time, nanoseconds since 1970, as ISO 8601 in UTC with milliseconds. */
export const showTime = (nanoseconds: bigint): string => dateOf(nanoseconds).toISOString();
