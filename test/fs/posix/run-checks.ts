/** Runs every check in a directory of its own below the one given; prints what failed as JSON. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { attributeChecks } from './attributes.ts';
import { fileChecks } from './files.ts';
import { nameChecks } from './names.ts';

const [directory] = process.argv.slice(2);
if (!directory) throw new Error('usage: run-checks.ts DIRECTORY');
const failures: Record<string, string> = {};
const all = Object.entries({ ...nameChecks, ...fileChecks, ...attributeChecks });
for (const [at, [name, check]] of all.entries()) {
  const own = join(directory, `check-${at}`);
  mkdirSync(own);
  try {
    check(own);
  } catch (error) {
    failures[name] = String((error as Error).stack ?? error);
  }
}
process.stdout.write(JSON.stringify(failures));
