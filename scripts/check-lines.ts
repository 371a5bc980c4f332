/**
 * Checks that no line of a source file, a test or a script is longer than 100 characters. Biome
 * breaks code, and leaves strings and comments as they are. Only a word of its own, such as a URL,
 * may reach further.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LONGEST = 100;
/** Scripts have no ending in these folders. */
const SOURCE = /\.(tsx?|mjs|css|py|sh)$|^(bench|bin|scripts)\/[^.]+$/;

const isTooLong = (line: string): boolean =>
  [...line].length > LONGEST && /\s/.test(line.trim().slice(0, LONGEST));

function faultsIn(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, at) =>
    isTooLong(line) ? [`${file}:${at + 1}: longer than ${LONGEST} characters`] : [],
  );
}

process.chdir(join(import.meta.dirname, '..'));
const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
const files = execFileSync('git', listed, { encoding: 'utf8' }).split('\0');
const faults = files.filter((file) => SOURCE.test(file) && existsSync(file)).flatMap(faultsIn);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
