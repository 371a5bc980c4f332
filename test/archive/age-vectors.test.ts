import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { armor, Decrypter } from 'age-encryption';
import * as vectors from 'cctv-age';
import { describe, expect, test } from 'vitest';
import { headerLength } from '../../src/age/header.ts';
import { openDecrypted } from '../../src/age/index.ts';
import { readThrough } from '../../src/archive/verify/read-through.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A published age test vector (C2SP/CCTV, age): a file and what a decryptor must make of it. */
interface Vector {
  readonly expect: string;
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly passphrases: readonly string[];
  readonly armored: boolean;
  readonly file: Buffer;
}

function parse(data: Uint8Array): Vector {
  const bytes = Buffer.from(data);
  const end = bytes.indexOf('\n\n');
  const pairs = bytes
    .subarray(0, end)
    .toString('latin1')
    .split('\n')
    .map((line) => line.split(': ') as [string, string]);
  const all = (key: string): string[] =>
    pairs.filter(([name]) => name === key).map(([, value]) => value);
  const body = bytes.subarray(end + 2);
  return {
    expect: all('expect')[0] ?? '',
    payload: all('payload')[0],
    identities: all('identity'),
    passphrases: all('passphrase'),
    armored: all('armored').includes('yes'),
    file: all('compressed').includes('zlib') ? inflateSync(body) : body,
  };
}

const all = Object.entries(vectors).map(([name, data]) => [name, parse(data)] as const);

/**
 * Recipients and header are the age package's, the payload is ours, as for an archive. Archives
 * have no armor; identity files may, and it is the package that takes it off.
 */
async function decrypt(vector: Vector): Promise<{ plain: Buffer; chunks: number }> {
  const decrypter = new Decrypter();
  for (const identity of vector.identities) decrypter.addIdentity(identity);
  for (const passphrase of vector.passphrases) decrypter.addPassphrase(passphrase);
  const file = vector.armored
    ? Buffer.from(armor.decode(vector.file.toString('latin1')))
    : vector.file;
  const header = file.subarray(0, headerLength(file));
  const fileKey = await decrypter.decryptHeader(header);
  const path = join(temporaryDirectory(), 'vector.age');
  writeFileSync(path, file);
  const opened = openDecrypted(path, fileKey);
  try {
    const plain = Buffer.alloc(opened.size);
    opened.read(plain, 0);
    let chunks = 0;
    await readThrough(path, fileKey, (chunk) => {
      if (!chunk.plain) throw new Error('a chunk does not open');
      chunks++;
    });
    return { plain, chunks };
  } finally {
    opened.close();
  }
}

test('the vectors are there', () => {
  expect(all.length).toBeGreaterThan(100);
});

describe('published age vectors', () => {
  test.each(all)('%s', async (_, vector) => {
    if (vector.expect !== 'success') {
      await expect(decrypt(vector)).rejects.toThrow();
      return;
    }
    const { plain, chunks } = await decrypt(vector);
    expect(createHash('sha256').update(plain).digest('hex')).toBe(vector.payload);
    expect(chunks).toBeGreaterThan(0);
  });
});
