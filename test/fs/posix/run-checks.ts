/**
 * Runs every check, or those that need several users, in a directory of its own below the one
 * given; prints what failed as JSON.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { attributeChecks } from './attributes.ts';
import { fileChecks } from './files.ts';
import { identityChecks } from './identities.ts';
import { nameChecks } from './names.ts';

const [directory, who] = process.argv.slice(2);
if (!directory) throw new Error('usage: run-checks.ts DIRECTORY [identities]');
const failures: Record<string, string> = {};
const checks =
  who === 'identities' ? identityChecks : { ...nameChecks, ...fileChecks, ...attributeChecks };
for (const [at, [name, check]] of Object.entries(checks).entries()) {
  const own = join(directory, `check-${at}`);
  mkdirSync(own);
  try {
    check(own);
  } catch (error) {
    failures[name] = String((error as Error).stack ?? error);
  }
}
process.stdout.write(JSON.stringify(failures));
