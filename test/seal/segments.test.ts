import { createSecretKey, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { CHUNK, openChunk, SEALED_CHUNK } from '../../src/store/seal/payload.ts';
import { NotAsWritten, PRINT, Segments } from '../../src/store/seal/segments.ts';
import { SEGMENT, TarWindow, windowMemory } from '../../src/store/seal/tar-window.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const START = 100;

/** Segments of so many bytes of noise, all written. */
function written(bytes: number) {
  const path = join(temporaryDirectory(), 'sealed');
  const fd = openSync(path, 'w+');
  onTestFinished(() => closeSync(fd));
  const window = new TarWindow(windowMemory(bytes));
  const key = randomBytes(32);
  const prints = new SharedArrayBuffer(window.segments * PRINT);
  const file = { fd, start: START, key, printKey: randomBytes(16), prints };
  const segments = new Segments(window, file);
  const plain = randomBytes(bytes);
  for (let at = 0; at < bytes; ) {
    expect(window.hasRoom(at + 1)).toBe(true);
    const place = window.place(at, bytes - at);
    place.set(plain.subarray(at, at + place.length));
    window.filled(at, place.length);
    at += place.length;
    if (at % (3 * SEGMENT) === 0) while (segments.sealOne());
  }
  while (segments.sealOne());
  return { path, fd, key, segments, plain, prints: Buffer.from(prints), window };
}

function readAll(segments: Segments): number {
  let count = 0;
  while (segments.checkOne()) count++;
  return count;
}

// More than go into the window at once; and a last chunk that is whole, and one of a byte.
test.each([20 * SEGMENT, 20 * SEGMENT + 1, SEGMENT - 1])(
  '%i bytes are written as chunks in their order, and read back',
  (bytes) => {
    const { path, key, segments, plain, window } = written(bytes);
    expect(window.sealedCount()).toBe(window.segments);
    expect(readAll(segments)).toBe(Math.ceil(bytes / SEGMENT));
    const sealed = readFileSync(path).subarray(START);
    const chunks = Math.ceil(bytes / CHUNK);
    expect(sealed).toHaveLength(bytes + 16 * chunks);
    const secret = createSecretKey(key);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const part = sealed.subarray(chunk * SEALED_CHUNK, (chunk + 1) * SEALED_CHUNK);
      const opened = openChunk(secret, chunk, chunk === chunks - 1, part);
      const same = opened?.equals(plain.subarray(chunk * CHUNK, (chunk + 1) * CHUNK));
      expect(same, `chunk ${chunk}`).toBe(true);
    }
  },
);

test('what is not on the disk as it was written does not pass', () => {
  const { fd, segments } = written(3 * SEGMENT);
  writeSync(fd, randomBytes(4), 0, 4, START + 2 * SEGMENT);
  expect(() => readAll(segments)).toThrow(NotAsWritten);
});

test('what decrypts, to something else than was encrypted, does not pass', () => {
  const { segments, prints } = written(2 * SEGMENT);
  prints[PRINT] = (prints[PRINT] ?? 0) ^ 1;
  expect(() => readAll(segments)).toThrow(
    `the bytes at ${START + (SEGMENT / CHUNK) * SEALED_CHUNK}`,
  );
});
