import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';
import type { CompiledCode } from './code-cache.ts';

/** Loads the files that the package was built into. */
export interface Loader {
  /** What a file exports; it runs when it is first asked for. */
  load(path: string): unknown;
  /** Whether all that was loaded came out of the cache. */
  readonly wasCompiled: boolean;
  /** All that was loaded, as it is now: with the functions that were compiled when they were called. */
  compiled(): CompiledCode;
}

interface Module {
  exports: unknown;
}

type Body = (
  exports: unknown,
  require: (id: string) => unknown,
  module: Module,
  filename: string,
  directory: string,
) => void;

/**
 * A loader of CommonJS files in one directory. Node's own cache keeps a module's code as it was before
 * it ran, without the functions within, which each process then compiles anew.
 */
export function createLoader(directory: string, cache: CompiledCode): Loader {
  const modules = new Map<string, Module>();
  const scripts = new Map<string, Script>();
  const requireFromHere = createRequire(join(directory, 'main.js'));
  let wasCompiled = true;

  const compile = (path: string): Script => {
    const source = readFileSync(path, 'utf8');
    const text = `(function (exports, require, module, __filename, __dirname) {${source}\n})`;
    const cachedData = cache.code.get(basename(path));
    const script = new Script(text, { filename: path, ...(cachedData && { cachedData }) });
    if (cachedData === undefined || script.cachedDataRejected) wasCompiled = false;
    return script;
  };
  const load = (path: string): unknown => {
    const loaded = modules.get(path);
    if (loaded) return loaded.exports;
    const module: Module = { exports: {} };
    const script = compile(path);
    modules.set(path, module);
    scripts.set(basename(path), script);
    const body = script.runInThisContext() as Body;
    body(module.exports, requireFrom, module, path, directory);
    return module.exports;
  };
  const requireFrom = (id: string): unknown => {
    if (id.startsWith('./')) return load(join(directory, id));
    return (id === 'koffi' && loadAddon(cache.koffi)) || requireFromHere(id);
  };
  return {
    load,
    get wasCompiled() {
      return wasCompiled;
    },
    compiled: () => ({
      code: new Map([...scripts].map(([name, script]) => [name, script.createCachedData()])),
      koffi: Object.keys(requireFromHere.cache).find(isKoffi) ?? cache.koffi,
    }),
  };
}

const isKoffi = (path: string): boolean => basename(path) === 'koffi.node';

/** A native module, without the code in front of it that finds out which one fits; undefined where it is gone. */
function loadAddon(path: string | undefined): unknown {
  if (path === undefined) return undefined;
  try {
    const module: Module = { exports: {} };
    process.dlopen(module, path);
    return module.exports;
  } catch {
    return undefined;
  }
}
