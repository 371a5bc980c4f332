import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type OutputOptions, rolldown } from 'rolldown';
import config from '../../rolldown.config.ts';

const root = join(import.meta.dirname, '../..');

/**
 * Bundles a program as `npm run build` bundles taskfs, into a directory that is there; returns its
 * path.
 */
export async function bundle(program: string, directory: string): Promise<string> {
  const { output, ...input } = config;
  const build = await rolldown({ ...input, input: { program } });
  const dir = join(directory, 'dist');
  await build.write({ ...(output as OutputOptions), dir });
  await build.close();
  // Packages that are no part of the bundle are looked for beside it.
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  return join(dir, 'program.js');
}
