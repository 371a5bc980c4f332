#!/usr/bin/env node
/**
 * cli: the command line. Parses, calls the rooms below, prints: data to standard output, words to
 * standard error. One file per verb in commands/, loaded when the verb is used. Nothing imports cli.
 */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Code comes out of this cache, so it is not Node's default: a directory under /tmp may be anybody's.
const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const compiled = join(caches, 'taskfs', 'compiled');
enableCompileCache(compiled);
// The checkout's starter names it, so that this very module comes out of it too; tasks do not inherit that.
if (process.env.NODE_COMPILE_CACHE === compiled) delete process.env.NODE_COMPILE_CACHE;

if (process.argv[2] === 'supervise') {
  // What `run -d` leaves behind lives as long as its task: without the parser it is 15 MiB smaller.
  const { supervise } = await import('./supervise.ts');
  process.exit(await supervise(process.argv.slice(3)));
}

const { runCommandLine } = await import('./command-line.ts');
const { flushOutput, tolerateClosedPipes } = await import('./output.ts');

tolerateClosedPipes();
const code = await runCommandLine(process.argv.slice(2));
await flushOutput();
process.exit(code);
