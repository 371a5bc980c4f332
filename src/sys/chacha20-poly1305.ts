import { bindOwn } from './libc.ts';

/** ChaCha20-Poly1305 (RFC 8439), a tag of 16 bytes behind the text. Keys: 32 bytes, nonces: 12. */
export interface ChaCha20Poly1305 {
  /** Encrypts into `out`, which is long enough for the text and its tag. */
  encrypt(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, out: Uint8Array): void;
  /** Decrypts text and tag into `out`, as long as the text; false where the tag does not fit. */
  decrypt(key: Uint8Array, nonce: Uint8Array, encrypted: Uint8Array, out: Uint8Array): boolean;
}

const TAG = 16;
const DECRYPT = 0;
const ENCRYPT = 1;
/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;

/**
 * The cipher of the OpenSSL that Node itself is built with, called directly. `createCipheriv`
 * makes an object and a buffer for each text, which for 64 KiB takes as long as the cipher.
 * Undefined where Node does not export OpenSSL's functions.
 */
export function nativeChaCha20Poly1305(): ChaCha20Poly1305 | undefined {
  const c = bindOwn({
    newContext: 'void *EVP_CIPHER_CTX_new()',
    cipher: 'void *EVP_chacha20_poly1305()',
    init: 'int EVP_CipherInit_ex(void *, void *, void *, const void *, const void *, int)',
    update: 'int EVP_CipherUpdate(void *, void *, void *, const void *, int)',
    final: 'int EVP_CipherFinal_ex(void *, void *, void *)',
    control: 'int EVP_CIPHER_CTX_ctrl(void *, int, int, void *)',
  });
  if (!c) return undefined;
  const context = c.newContext();
  const rest = Buffer.alloc(TAG);
  const length = Buffer.alloc(4);
  const cipher = c.cipher();
  const must = (result: unknown): void => {
    if (result !== 1) throw new Error('OpenSSL refuses to encrypt with ChaCha20-Poly1305');
  };
  const update = (from: Uint8Array, to: Uint8Array): unknown =>
    from.length === 0 ? 1 : c.update(context, to, length, from, from.length);
  must(c.init(context, cipher, null, null, null, ENCRYPT));
  return {
    encrypt(key, nonce, plain, out) {
      must(c.init(context, null, null, key, nonce, ENCRYPT));
      must(update(plain, out));
      must(c.final(context, rest, length));
      must(c.control(context, GET_TAG, TAG, out.subarray(plain.length, plain.length + TAG)));
    },
    decrypt(key, nonce, encrypted, out) {
      const text = encrypted.subarray(0, encrypted.length - TAG);
      must(c.init(context, null, null, key, nonce, DECRYPT));
      must(c.control(context, SET_TAG, TAG, encrypted.subarray(text.length)));
      must(update(text, out));
      return c.final(context, rest, length) === 1;
    },
  };
}
