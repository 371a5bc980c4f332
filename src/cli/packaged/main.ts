#!/usr/bin/env node
/**
 * The main module of the package, dist/main.js: loads the program and the code that an earlier run of
 * the same verb compiled, and keeps what this one compiled where that was missing.
 */
import { enableCompileCache } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitProcess } from '../../sys/exit.ts';
import { cacheDirectory } from '../cache-directory.ts';
import type { runProgram } from '../program.ts';
import { readCodeCache, writeCodeCache } from './code-cache.ts';
import { createLoader } from './loader.ts';

interface Program {
  readonly runProgram: typeof runProgram;
}

const program = fileURLToPath(new URL(`../program${extname(import.meta.url)}`, import.meta.url));

async function start(args: readonly string[]): Promise<number> {
  const caches = cacheDirectory();
  // For the servers of mounts, programs of their own, which take less memory with it.
  enableCompileCache(join(caches, 'compiled'));
  const path = join(caches, 'code', `${process.version}-${process.arch}`, nameOf(args[0]));
  const loader = createLoader(dirname(program), readCodeCache(path, program));
  const { runProgram } = loader.load(program) as Program;
  const code = await runProgram(args);
  if (!loader.wasCompiled) writeCodeCache(path, program, loader.compiled());
  return code;
}

/** Verbs use different functions, and a run compiles what it uses; what is no verb shares one cache. */
const nameOf = (verb = ''): string => (/^[a-z]+$/.test(verb) ? verb : 'other');

// What Node says of a main module that waits for ever, when nothing is left to wait for.
process.exitCode = 13;
start(process.argv.slice(2)).then(exitProcess);
