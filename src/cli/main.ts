#!/usr/bin/env node
/**
 * cli: the command line. Parses, calls the rooms below, prints: data to standard output, words to
 * standard error. One file per verb in commands/, loaded when the verb is used. Nothing imports cli.
 * This is the main module of a checkout; the package's is packaged/main.ts.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { exitProcess } from '../sys/exit.ts';
import { cacheDirectory } from './cache-directory.ts';

const compiled = join(cacheDirectory(), 'compiled');
enableCompileCache(compiled);
// The checkout's starter names it, so that this very module comes out of it too; tasks do not inherit that.
if (process.env.NODE_COMPILE_CACHE === compiled) delete process.env.NODE_COMPILE_CACHE;

const { runProgram } = await import('./program.ts');
exitProcess(await runProgram(process.argv.slice(2)));
