import { closeSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { headerMac, readHeader } from '../../age/index.ts';
import { TaskfsError } from '../../errors.ts';
import { openRequiredFile } from '../../files/index.ts';
import type { TaskName } from '../../store/index.ts';
import { type Finding, finding } from '../finding.ts';
import { FILES, KEY_FILE, PARTS } from '../paths.ts';
import type { Seal } from '../seal-record.ts';
import { fromError } from './content.ts';

/** Lengths and headers: what can be seen without a key and without reading everything. */
export function verifyFiles(task: TaskName, archive: string, seal: Seal | undefined): Finding[] {
  const findings = PARTS.map((part) => verifyFile(task, archive, FILES[part], seal));
  return [...findings, verifyFile(task, archive, KEY_FILE, undefined)].filter(
    (found) => found !== undefined,
  );
}

function verifyFile(
  task: TaskName,
  archive: string,
  file: (typeof FILES)[keyof typeof FILES] | typeof KEY_FILE,
  seal: Seal | undefined,
): Finding | undefined {
  const path = join(archive, file);
  try {
    const fd = openRequiredFile(path);
    try {
      const { size } = fstatSync(fd);
      const expected = file === KEY_FILE ? undefined : seal?.files[file];
      if (expected && size < expected.bytes) {
        return finding(task, 'truncated', `${file} of task ${task} ends too early`, {
          file,
          offset: size,
        });
      }
      if (expected && size > expected.bytes) {
        const message = `${file} of task ${task} is longer than what was sealed`;
        return finding(task, 'damaged', message, { file, offset: expected.bytes });
      }
      const mac = headerMac(readHeader(fd, path));
      if (!expected || mac === expected.mac) return undefined;
      return finding(task, 'damaged', `the header of ${file} of task ${task} was changed`, {
        file,
        offset: 0,
      });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return fromError(task, archive, error);
  }
}
