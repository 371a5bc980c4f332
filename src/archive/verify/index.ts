/**
 * Verifying archives: seals and chain from outside, every byte with a key. Damage is returned as
 * findings; nothing is repaired here.
 */
export { parseKeptLines, parseSigner } from './anchor.ts';
export { fromError } from './content.ts';
export { ContentCheck, storedLength } from './content-check.ts';
export { lossOf } from './loss.ts';
export {
  type Finding,
  type Verified,
  type VerifyOptions,
  type VerifyProgress,
  verifyArchives,
} from './verify.ts';
