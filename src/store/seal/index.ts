/**
 * seal: the sealed archive, format 1 (docs/format.md). Writing one (walk, tar, index, age payload,
 * read-back, seal), reading it at any place, verifying it, and wrapping its key anew. Identities are
 * the age-encryption package's, and recipients but native ones; payloads are node:crypto's. Whoever reads archives
 * all day imports `reader.ts` alone: this file, which names all, loads the rest with it.
 */
export * from './reader.ts';
export * from './rewrap.ts';
export * from './seal.ts';
export * from './unlock.ts';
export * from './verify.ts';
