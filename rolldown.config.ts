import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { type ChunkingContext, defineConfig, type Plugin } from 'rolldown';

/** How the sources name a module that runs in a thread or a process of its own. */
const OWN_MODULE =
  /new URL\(\s*`(\.[^`$]*)\$\{extname\(import\.meta\.url\)\}`,\s*import\.meta\.url,?\s*\)/g;

/**
 * Makes each module that is named by URL an entry, and its URL that of the file which the entry is
 * written to: so threads and processes find their code, wherever the code that names it ends up.
 */
function ownModules(): Plugin {
  return {
    name: 'own-modules',
    async transform(code, importer) {
      const urls = new Map<string, string>();
      for (const [expression, path = ''] of code.matchAll(OWN_MODULE)) {
        const module = await this.resolve(`${path}.ts`, importer);
        if (!module) throw new Error(`${importer} names ${path}.ts, which is not there`);
        const file = this.emitFile({ type: 'chunk', id: module.id });
        urls.set(expression, `new URL(import.meta.ROLLUP_FILE_URL_${file})`);
      }
      if (urls.size === 0) return null;
      return { code: code.replaceAll(OWN_MODULE, (expression) => urls.get(expression) ?? '') };
    },
  };
}

/**
 * Defers what string-width makes when it is loaded, tables of Unicode for a regular expression and a
 * segmenter, until a text is not plain ASCII: yargs loads it at each start, and that took 30 ms.
 */
function deferStringWidth(): Plugin {
  const suffix = '?deferred';
  return {
    name: 'defer-string-width',
    async resolveId(id, importer) {
      if (id !== 'string-width') return null;
      const module = await this.resolve(id, importer, { skipSelf: true });
      return module && `${module.id}${suffix}`;
    },
    load(id) {
      if (!id.endsWith(suffix)) return null;
      const module = JSON.stringify(id.slice(0, -suffix.length));
      return `export default (text, options) =>
        /^[ -~]*$/.test(text) ? text.length : require(${module}).default(text, options);`;
    },
  };
}

/**
 * Does without assert, of which yargs uses two functions: it takes 5 ms to load, and another to word a
 * failure that yargs expects at each start, where it finds no package of its own.
 */
function leaveOutAssert(): Plugin {
  const plain = '\0plain-assert';
  return {
    name: 'leave-out-assert',
    resolveId: (id, importer = '') =>
      id === 'assert' && /\/yargs\//.test(importer) ? plain : null,
    load(id) {
      if (id !== plain) return null;
      return `const check = (holds, words = 'yargs finds a value that cannot be') => {
          if (!holds) throw new Error(words);
        };
        export const strictEqual = (a, b, words) => check(Object.is(a, b), words);
        export const notStrictEqual = (a, b, words) => check(!Object.is(a, b), words);`;
    },
  };
}

/** What dockerode needs to build images, and for an ssh of its own: taskfs does neither. */
const UNUSED_BY_ENGINES = new Set(['ssh2', 'tar-fs', '@balena/dockerignore', 'zlib']);

/**
 * Keeps from dockerode what taskfs does not use of it, 20 MiB in every supervisor of a container; and
 * TLS, as much again, for whom it is used.
 */
function trimDockerode(): Plugin {
  const leftOut = '\0left-out';
  const https = '\0deferred-https';
  const silent = '\0silent';
  return {
    name: 'trim-dockerode',
    resolveId(id, importer = '') {
      if (!/\/(dockerode|docker-modem)\//.test(importer)) return null;
      if (id === 'https') return https;
      // It describes each request in words, for nobody: that takes 7 ms.
      if (id === 'debug' || (id === 'util' && importer.endsWith('/modem.js'))) return silent;
      // A copy of Node's own streams, for Nodes that had others.
      if (id === 'readable-stream') return { id: 'node:stream', external: true };
      return UNUSED_BY_ENGINES.has(id) ? leftOut : null;
    },
    load(id) {
      if (id === leftOut) return 'module.exports = {};';
      if (id === silent)
        return 'module.exports = () => () => {}; module.exports.inspect = () => "";';
      if (id !== https) return null;
      return `exports.request = (...args) => process.getBuiltinModule('https').request(...args);`;
    },
  };
}

/** Modules of Node that take long to load, and are imported by files that mostly do without. */
const LATE = new Set(['child_process', 'readline', 'stream/consumers', 'worker_threads']);

/**
 * Takes Node's own modules by their object: `require` asks for everything that they export, and with it
 * loads what most of them load late, as `http` a whole fetch. Some are taken at their first use.
 */
function takeBuiltins(): Plugin {
  const take = (module: string): string => `process.getBuiltinModule(${JSON.stringify(module)})`;
  return {
    name: 'take-builtins',
    renderChunk(code) {
      const late: string[] = [];
      const deferred = code.replaceAll(IMPORT, (line, name, module) => {
        if (!LATE.has(module.replace(/^node:/, ''))) return line;
        late.push(name);
        return `let ${name}$taken; const ${name}$take = () => (${name}$taken ??= ${take(module)});`;
      });
      return (
        late
          .reduce((text, name) => text.replaceAll(usesOf(name), () => `(${name}$take())`), deferred)
          .replaceAll(REQUIRE, (call, module) => (isBuiltin(module) ? take(module) : call))
          // The same clock, without the five modules behind the other.
          .replaceAll(/(?<![\w$.])performance\.now\(\)/g, '(process.uptime() * 1000)')
      );
    },
  };
}

/** Wherever a module's object stands whose properties are used. */
const usesOf = (name: string): RegExp => new RegExp(`(?<![\\w$.])${name}(?=\\.)`, 'g');

/** An import of a module as the bundler writes it. */
const IMPORT = /^let ([\w$]+) = require\("([^"]+)"\);$/gm;
const REQUIRE = /\brequire\("([^"]+)"\)/g;

/** Leaves koffi to whoever loads the file: the package's loader need not look for its native part again. */
function requireKoffi(): Plugin {
  return {
    name: 'require-koffi',
    transform(code, id) {
      if (!id.endsWith('/src/sys/libc.ts')) return null;
      return { code: code.replace("createRequire(import.meta.url)('koffi')", "require('koffi')") };
    },
  };
}

/** The checkout's main module has a counterpart in the package, which loads code that is compiled already. */
function packagedMain(): Plugin {
  const main = /\/src\/cli\/main\.ts$/;
  return {
    name: 'packaged-main',
    async resolveId(id, importer) {
      const module = await this.resolve(id, importer, { skipSelf: true });
      if (!module || !main.test(module.id)) return module;
      return module.id.replace(main, '/src/cli/packaged/main.ts');
    },
  };
}

/** Says that these files are CommonJS: its scripts can be compiled, and their code kept, without Node's loader. */
function commonJs(): Plugin {
  return {
    name: 'common-js',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{"type":"commonjs"}\n' });
    },
  };
}

/** Says whose packages are in the bundle, and under which licenses, as those ask for. */
function thirdPartyLicenses(): Plugin {
  return {
    name: 'third-party-licenses',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
      const packages = new Set(
        modules.filter((id) => id.includes('/node_modules/')).map(packageOf),
      );
      const source = [...packages].sort().map(licenseOf).join('\n');
      this.emitFile({ type: 'asset', fileName: 'third-party-licenses.txt', source });
    },
  };
}

/** The directory of the package that a module belongs to. */
function packageOf(module: string): string {
  const [directory = ''] = /.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(module) ?? [];
  return directory;
}

function licenseOf(directory: string): string {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { name, version, license, author } = manifest as Manifest;
  const files = readdirSync(directory).filter((entry) =>
    /^(licen[cs]e|copying|notice)/i.test(entry),
  );
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  if (texts.length === 0) texts.push(`Copyright (c) ${authorOf(author)}\n\n${textOf(license)}`);
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly author: string | { readonly name: string };
}

const authorOf = (author: Manifest['author']): string =>
  typeof author === 'string' ? author : author.name;

/** The words of a license for a package that names it and does not bring them. Throws for an unknown one. */
const textOf = (license: string): string =>
  readFileSync(join(import.meta.dirname, 'licenses', `${license}.txt`), 'utf8').trim();

/**
 * What is loaded together lies in one file: finding and linking a module takes longer than its code.
 * A module belongs to the first of these that needs it from its start, so files import one way.
 */
const together: Readonly<Record<string, readonly string[]>> = {
  'command-line': ['src/cli/command-line.ts', 'src/cli/output.ts'],
  store: ['src/store/index.ts', 'src/sys/index.ts'],
  task: [
    'src/cli/commands/run.ts',
    'src/cli/supervise.ts',
    'src/runner/engines/process/process-engine.ts',
  ],
  docker: ['src/runner/engines/docker/index.ts'],
  // Apart, for mounts read archives and never write one.
  reader: ['src/store/seal/reader.ts'],
  seal: ['src/store/seal/seal.ts'],
};

/** The name of the file that a module is to lie in; null: the bundler chooses. */
function fileOf(module: string, context: ChunkingContext): string | null {
  for (const [name, roots] of Object.entries(together)) {
    const needed = new Set(roots.map((root) => join(import.meta.dirname, root)));
    for (const id of needed) {
      for (const next of context.getModuleInfo(id)?.importedIds ?? []) needed.add(next);
    }
    if (needed.has(module)) return name;
  }
  return null;
}

/** One program in few files: loading some three hundred modules one by one took longer than a task. */
export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  // yargs would look for a configuration that extends another: there is none.
  checks: { emptyImportMeta: false },
  // Several entries may lie in one file.
  preserveEntrySignatures: 'allow-extension',
  // With parts that are not JavaScript, their own or those of packages below them.
  external: [/^koffi$/, /^fuse-native$/],
  plugins: [
    ownModules(),
    deferStringWidth(),
    leaveOutAssert(),
    trimDockerode(),
    packagedMain(),
    requireKoffi(),
    takeBuiltins(),
    commonJs(),
    thirdPartyLicenses(),
  ],
  output: {
    dir: 'dist',
    format: 'cjs',
    cleanDir: true,
    // Names stay, for the errors that --debug shows.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting: {
      groups: [{ name: fileOf, debugName: 'together', includeDependenciesRecursively: false }],
    },
  },
});
