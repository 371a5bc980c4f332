/**
 * The pax interchange format (POSIX.1-2024) and ustar, with GNU sparse maps: headers encoded and
 * decoded, members read. Nothing here touches a file system.
 */
export {
  encodeMember,
  MAX_EXTENSION,
  type Member,
  type MemberType,
  memberLengths,
} from './header.ts';
export { readTar, type TarMember } from './reader.ts';
export { bytesBefore, type Extent, firstEndingAfter } from './sparse-map.ts';
export type { TarSource } from './ustar.ts';
export { BLOCK, padding } from './ustar.ts';
