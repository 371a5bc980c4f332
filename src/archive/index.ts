/**
 * One sealed archive (docs/format.md): its paths, its seal, the chain of seals, unlocking and reading.
 * How archives are written, verified and maintained is in folders of those names.
 */
export type { ArtifactType } from './artifact-type.ts';
export {
  appendToChain,
  type ChainBody,
  type ChainLine,
  lastLineOf,
  lastLineTextOf,
  readChain,
  type StoredLine,
  sealedInOrder,
} from './chain.ts';
export type { Finding } from './finding.ts';
export { isOfRecord, readGenuineSeal, sealFault } from './genuine-seal.ts';
export { FILES, partialPath, reindexedPath } from './paths.ts';
export {
  type ArchiveReader,
  type FileLine,
  type IndexEntry,
  openArchive,
  type ToldOfEntries,
} from './reader.ts';
export { type Seal, signerOf } from './seal-record.ts';
export { type FileKeys, openTaskKey, unlockArchive, unlockNatively, unlockPart } from './unlock.ts';
