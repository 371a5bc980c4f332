/**
 * One archive as one file for somebody else: its encrypted files as they are, its key wrapped for
 * them alone, and the key that its signature is checked with. Writing one, and unpacking one that
 * came from outside.
 */
export { type Unpacked, unpackShare } from './unpack-share.ts';
export { assertShareable, writeShare } from './write-share.ts';
