/**
 * Runs every case, or those whose title has WANTED in it, in a directory of its own below the one
 * given, and prints the transcripts as JSON. A case that throws says so in its transcript.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { allCases } from './all-cases.ts';
import { Subject } from './subject.ts';

const [directory, wanted = ''] = process.argv.slice(2);
if (!directory) throw new Error('usage: run-cases.ts DIRECTORY [WANTED]');
const base = resolve(directory);
process.umask(0o022);
const transcripts: Record<string, readonly string[]> = {};
for (const [at, [title, act]] of allCases.entries()) {
  if (!title.includes(wanted)) continue;
  const own = join(base, `case-${at}`);
  mkdirSync(own);
  chmodSync(own, 0o755);
  process.chdir(own);
  const subject = new Subject(join(base, 'clock'));
  try {
    act(subject);
  } catch (error) {
    subject.say(`threw ${(error as Error).stack}`);
  }
  transcripts[title] = subject.lines;
}
process.chdir('/');
process.stdout.write(JSON.stringify(transcripts));
