import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CHUNK, decryptChunk, ENCRYPTED_CHUNK } from '../../src/age/index.ts';
import { closeDirect, openDirect } from '../../src/archive/write/o-direct.ts';
import { NotAsWritten, PayloadReadBack } from '../../src/archive/write/read-back.ts';
import { RingBuffer, ringMemory, SEGMENT } from '../../src/archive/write/ring-buffer.ts';
import { FINGERPRINT, Segments } from '../../src/archive/write/segments.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const START = 100;

/** Segments of so many bytes of noise, all written; with O_DIRECT, or without. */
function written(bytes: number, isDirect = true) {
  const path = join(temporaryDirectory(), 'sealed');
  const fd = openSync(path, 'w+');
  onTestFinished(() => closeSync(fd));
  const ring = new RingBuffer(ringMemory(bytes));
  const key = randomBytes(32);
  const fingerprints = new SharedArrayBuffer(ring.segments * FINGERPRINT);
  const opened = isDirect ? openDirect(fd, path) : { fd, direct: undefined };
  onTestFinished(() => closeDirect(opened));
  const file = { ...opened, start: START, key, fingerprintKey: randomBytes(16), fingerprints };
  writeSync(fd, Buffer.alloc(START));
  const segments = new Segments(ring, file);
  const plain = randomBytes(bytes);
  for (let at = 0; at < bytes; ) {
    expect(ring.hasSpace(at + 1)).toBe(true);
    const place = ring.place(at, bytes - at);
    place.set(plain.subarray(at, at + place.length));
    ring.markFilled(at, place.length);
    at += place.length;
    if (at % (3 * SEGMENT) === 0) while (segments.sealOne());
  }
  while (segments.sealOne());
  return { path, fd, key, segments, plain, fingerprints: Buffer.from(fingerprints), ring, file };
}

/** Reads all back; returns the SHA-256 of the file. */
async function readAll({ ring, segments, file }: ReturnType<typeof written>): Promise<string> {
  let wake = Promise.withResolvers<void>();
  const check = new PayloadReadBack(ring, segments, file, () => wake.resolve());
  try {
    while (!check.isComplete) {
      if (check.step()) continue;
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  } finally {
    await check.settle();
  }
  return check.digest();
}

// More than go into the ring at once; and a last chunk that is whole, and one of a byte.
test.each([
  [20 * SEGMENT, true],
  [20 * SEGMENT + 1, true],
  [SEGMENT - 1, true],
  [1, true],
  [2 * SEGMENT + 1, false],
])(
  '%i bytes are written as chunks in their order, and read back (O_DIRECT: %s)',
  async (bytes, isDirect) => {
    const all = written(bytes, isDirect);
    const { path, key, plain, ring } = all;
    expect(ring.sealedCount()).toBe(ring.segments);
    const file = readFileSync(path);
    expect(await readAll(all)).toBe(createHash('sha256').update(file).digest('hex'));
    const sealed = file.subarray(START);
    const chunks = Math.ceil(bytes / CHUNK);
    expect(sealed).toHaveLength(bytes + 16 * chunks);
    const secret = createSecretKey(key);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const part = sealed.subarray(chunk * ENCRYPTED_CHUNK, (chunk + 1) * ENCRYPTED_CHUNK);
      const opened = decryptChunk(secret, chunk, chunk === chunks - 1, part);
      const same = opened?.equals(plain.subarray(chunk * CHUNK, (chunk + 1) * CHUNK));
      expect(same, `chunk ${chunk}`).toBe(true);
    }
  },
);

test.each([0, SEGMENT / 2, SEGMENT - 1])(
  'a byte that is another on the disk is found: %i',
  async (at) => {
    const all = written(3 * SEGMENT);
    const position = all.segments.positionOf(1) + at;
    const changed = Buffer.of((readFileSync(all.path)[position] ?? 0) ^ 1);
    writeSync(all.fd, changed, 0, 1, position);
    await expect(readAll(all)).rejects.toBeInstanceOf(NotAsWritten);
  },
);

test('a file that is cut short is found', async () => {
  const all = written(2 * SEGMENT);
  truncateSync(all.path, all.segments.positionOf(1) + 5000);
  await expect(readAll(all)).rejects.toBeInstanceOf(NotAsWritten);
});

test('what decrypts, to something else than was encrypted, is found', async () => {
  const all = written(2 * SEGMENT);
  all.fingerprints[FINGERPRINT] = (all.fingerprints[FINGERPRINT] ?? 0) ^ 1;
  await expect(readAll(all)).rejects.toThrow(`the bytes at ${all.segments.positionOf(1)}`);
});
