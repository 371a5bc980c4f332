import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';
import { thirdPartyLicenses } from './rolldown.config.ts';

const page = join(import.meta.dirname, 'src/ui/page');

/** What is sent as it is. */
function staticFiles(...names: readonly string[]): Plugin {
  return {
    name: 'static-files',
    generateBundle() {
      for (const fileName of names) {
        this.emitFile({ type: 'asset', fileName, source: readFileSync(join(page, fileName)) });
      }
    },
  };
}

/** The page of `taskfs ui`: one file to begin with, and one for each view that needs a library. */
export default defineConfig({
  input: { main: join(page, 'main.tsx') },
  platform: 'browser',
  plugins: [staticFiles('index.html', 'styles.css'), thirdPartyLicenses()],
  output: {
    dir: 'dist/page',
    format: 'esm',
    cleanDir: true,
    minify: true,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  },
});
