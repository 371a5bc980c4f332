/**
 * The age format (C2SP age.md): header and stanzas, X25519 and SSH keys, the payload read and
 * written at any place. Nothing here knows what is encrypted.
 */
export { ChunkCache } from './chunk-cache.ts';
export {
  type AgeHeader,
  decryptNatively,
  decryptWhole,
  encryptFor,
  headerMac,
  makeHeader,
  readHeader,
} from './header.ts';
export {
  CHUNK,
  openChunk,
  openChunkInto,
  type Payload,
  SEALED_CHUNK,
  sealChunks,
  sealedSize,
  TAG,
} from './payload.ts';
export { decryptedSize } from './payload-size.ts';
export { DecryptAhead } from './read-ahead.ts';
export {
  type Chunks,
  type DecryptedFile,
  openDecrypted,
  openPayload,
  openSealed,
  readChunk,
  readSealed,
} from './reader.ts';
export { isSshIdentity, isSshRecipient, parseSshRecipient, sshIdentity } from './ssh-ed25519.ts';
export { createAgeFile, EncryptedWriter, type NewAgeFile } from './writer.ts';
export { newAgePair, unwrapNatively } from './x25519.ts';
