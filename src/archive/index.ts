/**
 * One sealed archive (docs/format.md), as its readers need it: paths, seal, the chain of seals,
 * unlocking and reading. Writing, verifying and maintaining have doors of their own in the folders
 * of those names: a mount loads none of them.
 */
export {
  type AnchorState,
  anchorState,
  appendToChain,
  lastLineOf,
  lastLineTextOf,
  readChain,
} from './chain.ts';
export type { Finding, FindingKind } from './finding.ts';
export { readGenuineSeal } from './genuine-seal.ts';
export { type IndexEntry, storedLength } from './index/entry.ts';
export type { FileLine } from './index/line-scanner.ts';
export type { EntryVisitor } from './index/reader.ts';
export { archivedTasks, archiveSize, FILES, partialPath, reindexedPath } from './paths.ts';
export { type ArchiveReader, openArchive } from './reader.ts';
export { readSeal, type Seal, signerOf } from './seal-record.ts';
export { type FileKeys, unlockArchive, unlockNatively } from './unlock.ts';
