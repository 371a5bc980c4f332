#!/usr/bin/env node
/**
 * cli: the command line. Parses, calls the folders below, prints: data to standard output, words
 * to standard error. One file per verb in commands/, loaded when the verb is used. Nothing imports
 * cli. This is the main module: it loads the rest with code that Node compiled in an earlier run.
 */
import { enableCompileCache } from 'node:module';
import { exitProcess } from '../process/index.ts';
import { cacheDirectory } from './cache-directory.ts';
import { installStandardStreams } from './standard-streams.ts';

const NEEDED_MAJOR = 24;

async function start(): Promise<number> {
  // Before anything is loaded that an older Node cannot even parse.
  if (Number.parseInt(process.versions.node, 10) < NEEDED_MAJOR) {
    process.stderr.write(
      `taskfs needs Node.js ${NEEDED_MAJOR} or newer: this is ${process.version}.\n`,
    );
    return 1;
  }
  // Before anything imports node:util, which looks at process.stderr and so makes it non-blocking.
  installStandardStreams();
  const compiled = cacheDirectory();
  if (compiled !== undefined) enableCompileCache(compiled);
  const { runProgram } = await import('./command-line.ts');
  return runProgram(process.argv.slice(2));
}

// What Node says of a main module that waits for ever, when nothing is left to wait for.
process.exitCode = 13;
start().then(exitProcess);
