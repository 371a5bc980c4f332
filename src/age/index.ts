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
  unwrapNatively,
} from './header.ts';
export {
  CHUNK,
  decryptChunk,
  decryptChunkInto,
  ENCRYPTED_CHUNK,
  encryptChunks,
  encryptedSize,
  type Payload,
  TAG,
} from './payload.ts';
export { ReadAhead } from './read-ahead.ts';
export {
  type Chunks,
  type DecryptedFile,
  decryptedFileSize,
  openDecrypted,
  openPayload,
  readChunk,
} from './reader.ts';
export { isSshIdentity, isSshRecipient, parseSshRecipient, sshIdentity } from './ssh-ed25519.ts';
export { createAgeFile, EncryptedWriter, type NewAgeFile } from './writer.ts';
export { newAgePair } from './x25519.ts';
