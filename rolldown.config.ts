import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

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
  const { name, version, license } = manifest as Record<'name' | 'version' | 'license', string>;
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : readFileSync(join(directory, file), 'utf8').trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}

/** One program in few files: loading some three hundred modules one by one took longer than a task. */
export default defineConfig({
  input: 'src/cli/main.ts',
  platform: 'node',
  // With parts that are not JavaScript, their own or those of packages below them.
  external: [/^koffi$/, /^fuse-native$/, /^dockerode/],
  plugins: [ownModules(), thirdPartyLicenses()],
  output: { dir: 'dist', cleanDir: true },
});
