import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { ContentCheck } from './content-check.ts';
import { openDecrypted } from './decrypted-file.ts';
import type { IndexEntry } from './index-entry.ts';
import { IndexReader } from './index-reader.ts';
import { FILES } from './layout.ts';
import { type Chunk, readThrough } from './read-through.ts';
import type { EncryptedFile, FileSeal } from './seal-record.ts';
import type { FileKeys } from './unlock.ts';

/** What reading back is compared with. */
export interface Expected {
  /** Bytes of the tar and of the log in plaintext, and files with content. */
  readonly bytes: number;
  readonly logSha256: string;
  readonly files: number;
}

/**
 * Decrypts an archive that was just written, all of it, and compares it by hash with what was read
 * from staging: only then may the plaintext go. Returns what seal.json says of each file. Throws `failed`.
 */
export async function readBack(
  directory: string,
  keys: FileKeys,
  expected: Expected,
  hashLog: { update(plain: Buffer): void; digest(): string },
  onProgress: (bytes: number) => void,
): Promise<Record<EncryptedFile, FileSeal>> {
  const refuse = (what: string): never => {
    throw new TaskfsError(
      'failed',
      `what was written to ${directory} reads back differently: ${what}`,
      {
        hint: 'The disk may be failing. Nothing was removed.',
      },
    );
  };
  const whole = ({ plain, at }: Chunk, file: string): Buffer =>
    plain ?? refuse(`${file} at byte ${at}`);
  const indexPath = join(directory, FILES.index);
  const index = await readThrough(indexPath, keys.index, (chunk) => void whole(chunk, FILES.index));
  const log = await readThrough(join(directory, FILES.log), keys.log, (chunk) =>
    hashLog.update(whole(chunk, FILES.log)),
  );
  if (hashLog.digest() !== expected.logSha256) refuse(FILES.log);
  const opened = openDecrypted(indexPath, keys.index);
  try {
    const name = (entry: IndexEntry) => refuse(entry.name.toString());
    const check = new ContentCheck(new IndexReader(opened), opened.size, name);
    let bytes = 0;
    const artifacts = await readThrough(
      join(directory, FILES.artifacts),
      keys.artifacts,
      (chunk) => {
        check.take(chunk.length, whole(chunk, FILES.artifacts));
        bytes += chunk.length;
        onProgress(bytes);
      },
    );
    check.end();
    if (bytes !== expected.bytes || check.files !== expected.files) refuse(FILES.artifacts);
    return { [FILES.artifacts]: artifacts, [FILES.index]: index, [FILES.log]: log };
  } finally {
    opened.close();
  }
}
