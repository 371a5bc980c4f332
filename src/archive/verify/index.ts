/**
 * Verifying archives: seals and chain from outside, every byte with a key. Damage is returned as
 * findings; nothing is repaired here.
 */
export { parseKept } from './anchor.ts';
export { fromError } from './content.ts';
export { ContentCheck, lossOf } from './content-check.ts';
export {
  type Verified,
  type VerifyOptions,
  type VerifyProgress,
  verifyArchives,
} from './verify.ts';
