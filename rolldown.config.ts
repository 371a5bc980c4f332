import { readdirSync, readFileSync } from 'node:fs';
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

/** Says that these files are CommonJS, which Node loads faster than modules. */
function commonJs(): Plugin {
  return {
    name: 'common-js',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{"type":"commonjs"}\n' });
    },
  };
}

/** What `import … from 'taskfs'` finds: the names of the library, which is CommonJS as the rest. */
function moduleOfLibrary(): Plugin {
  return {
    name: 'module-of-library',
    generateBundle(_options, bundle) {
      const library = Object.values(bundle).find(
        (file) => file.type === 'chunk' && file.isEntry && file.name === 'library',
      );
      const names = library?.type === 'chunk' ? library.exports.join(', ') : '';
      const source = `import library from './library.js';\nexport const { ${names} } = library;\n`;
      this.emitFile({ type: 'asset', fileName: 'library.mjs', source });
    },
  };
}

/** Says whose packages are in the bundle, and under which licenses, as those ask for. */
export function thirdPartyLicenses(): Plugin {
  return {
    name: 'third-party-licenses',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
      const packages = new Set(
        // What begins with a null byte, the bundler made itself.
        modules.filter((id) => /^[^\0].*\/node_modules\//.test(id)).map(packageOf),
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

/**
 * The words of a license for a package that names it and does not bring them. Throws for an
 * unknown one.
 */
const textOf = (license: string): string =>
  readFileSync(join(import.meta.dirname, 'licenses', `${license}.txt`), 'utf8').trim();

/**
 * What is loaded together lies in one file: finding and linking a module takes longer than its
 * code. A module belongs to the first of these that needs it from its start, so files import one
 * way.
 */
const together: Readonly<Record<string, readonly string[]>> = {
  // All that is loaded before it is known whether this Node is new enough.
  start: ['src/process/index.ts', 'src/cli/cache-directory.ts'],
  'command-line': ['src/cli/command-line.ts'],
  store: ['src/store/index.ts', 'src/sys/index.ts'],
  // Apart, for a detached supervisor has no command line.
  supervisor: [
    'src/runner/detached.ts',
    'src/runner/lifecycle.ts',
    'src/runner/engines/process/process-engine.ts',
  ],
  task: ['src/cli/commands/run.ts'],
  docker: ['src/runner/engines/docker/index.ts'],
  // Apart, for mounts read archives and never write one.
  reader: ['src/archive/reader.ts'],
  seal: ['src/archive/write/seal.ts'],
};

/**
 * Packages that dockerode and docker-modem load and taskfs has no use for: an ssh of their own,
 * where src/runner/engines/docker/ssh.ts starts the user's, and the packing of what images are
 * built from. Half of what loading them took. Their streams are Node's own. TLS is spoken by
 * src/runner/engines/docker/transport.ts, as ssh is.
 */
const unused: Readonly<Record<string, string | false>> = {
  ssh2: false,
  'tar-fs': false,
  '@balena/dockerignore': false,
  https: false,
  'readable-stream': 'node:stream',
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

/**
 * One program in few files: loading some three hundred modules one by one took longer than a task.
 */
export default defineConfig({
  input: { main: 'src/cli/main.ts', library: 'src/library/index.ts' },
  platform: 'node',
  // Its paths name types, not modules.
  tsconfig: false,
  // yargs would look for a configuration that extends another: there is none.
  checks: { emptyImportMeta: false },
  // Several entries may lie in one file.
  preserveEntrySignatures: 'allow-extension',
  // With parts that are not JavaScript, their own or those of packages below them.
  external: [/^@koromix\//, /^fuse-native$/, /^sharp$/, /^cpu-features$/, /\.node$/],
  resolve: { alias: unused },
  plugins: [ownModules(), commonJs(), moduleOfLibrary(), thirdPartyLicenses()],
  output: {
    dir: 'dist',
    format: 'cjs',
    cleanDir: true,
    // A run reads and compiles a quarter less by it. The names of functions and classes stay, for
    // the errors that --debug shows.
    minify: {
      compress: { keepNames: { function: true, class: true } },
      mangle: { keepNames: true },
      codegen: { removeWhitespace: true },
    },
    codeSplitting: {
      groups: [{ name: fileOf, debugName: 'together', includeDependenciesRecursively: false }],
    },
  },
});
