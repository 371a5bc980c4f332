import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Case, Cases } from './case.ts';

const PROGRAM = join(import.meta.dirname, 'system-calls.py');
/** The system's own: one of root's first in PATH may be out of reach for a plain user. */
const PYTHON = process.geteuid?.() === 0 ? '/usr/bin/python3' : 'python3';

/** A case that is a function of the Python program. */
const python =
  (name: string): Case =>
  (s) => {
    const { stdout, stderr, status } = spawnSync(PYTHON, [PROGRAM, name], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    for (const line of stdout.trimEnd().split('\n')) s.say(line);
  };

/** Cases that Node has no functions for, or that want processes of their own. */
export const systemCallCases: Cases = {
  'a running program, opened, truncated, replaced': python('running_program'),
  'capabilities of a file, and what takes them away': python('capabilities'),
  'the limit of file sizes': python('limits'),
  'what an unlinked file, and a removed directory, still do': python('unlinked'),
  'sockets: bound, found, renamed': python('sockets'),
  'a socket that may not be written': python('socket_that_may_not_be_written'),
  'pipes between processes': python('pipes'),
  'positions, vectors, splice, and appending by fcntl': python('positions'),
  'mappings: shared, private, past the end, without a name': python('mapping'),
  'descriptors of directories that move': python('descriptors_of_directories'),
  leases: python('leases'),
};
