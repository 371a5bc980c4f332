import { join } from 'node:path';

/** The package, as it is built for this run of the tests (built-package.ts). */
const installed = process.env.TASKFS_TEST_PACKAGE ?? '';

/** The command, as a person calls it. */
export const launcher = join(installed, 'bin/taskfs');
/** The command line's main module. */
export const main = join(installed, 'dist/main.js');

/** A directory for compiled code: a user's own, as those that may be trusted are. */
export const cacheOf = (uid: number): string => join(installed, 'caches', String(uid));
