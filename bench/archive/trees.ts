import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1024 * 1024;
const IN_A_DIRECTORY = 100;

/** One file, `large`, that nothing could compress. */
export function fillLarge(directory: string, mib: number): void {
  const block = Buffer.alloc(MIB);
  const fd = openSync(join(directory, 'large'), 'w');
  for (let at = 0; at < mib; at++) writeSync(fd, randomFillSync(block));
  closeSync(fd);
}

/** Files of so many bytes, a hundred in each directory. */
export function fillSmall(directory: string, files: number, bytes: number): void {
  for (let at = 0; at < files; at++) {
    const path = join(directory, `directory-${Math.floor(at / IN_A_DIRECTORY)}`);
    if (at % IN_A_DIRECTORY === 0) mkdirSync(path);
    writeFileSync(join(path, `file-${at % IN_A_DIRECTORY}`), Buffer.alloc(bytes, `line ${at}\n`));
  }
}
