/**
 * Checks how the folders of src/ import each other: a folder may import only the folders listed for
 * it here, and only their index.ts. Imports of types count as well. Some are to be loaded late.
 * Biome finds cycles of files.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** From the bottom to the top: a folder, and what it may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  process: [],
  sys: ['process'],
  files: ['sys', 'process'],
  age: ['files', 'sys', 'process'],
  tar: [],
  fernet: [],
  'agents-runner': ['fernet', 'files', 'sys', 'process'],
  store: ['age', 'files', 'sys', 'process'],
  archive: ['tar', 'age', 'store', 'files', 'sys', 'process'],
  artifacts: ['archive', 'tar', 'age', 'store', 'files', 'sys', 'process'],
  mount: ['store', 'sys', 'process'],
  fs: ['retention', 'archive', 'tar', 'age', 'store', 'sys', 'process'],
  fuse: ['fs', 'mount', 'sys', 'process'],
  'fuse-native': ['fs', 'mount', 'sys', 'process'],
  attach: ['fs', 'mount', 'store', 'sys', 'process'],
  server: ['attach', 'fuse', 'fuse-native', 'fs', 'mount', 'store', 'sys', 'process'],
  retention: ['store', 'files', 'sys', 'process'],
  runner: ['retention', 'archive', 'mount', 'store', 'files', 'sys', 'process'],
  service: ['store', 'files', 'sys', 'process'],
  doctor: ['service', 'server', 'runner', 'mount', 'store', 'files', 'sys', 'process'],
  watch: ['artifacts', 'store', 'sys', 'process'],
  library: [
    'doctor',
    'service',
    'server',
    'runner',
    'retention',
    'fs',
    'artifacts',
    'agents-runner',
    'archive',
    'mount',
    'store',
    'process',
  ],
  terminal: ['process'],
  preview: ['terminal', 'watch', 'artifacts', 'tar', 'store'],
  tui: [
    'terminal',
    'runner',
    'watch',
    'preview',
    'artifacts',
    'archive',
    'store',
    'sys',
    'process',
  ],
  ui: ['runner', 'watch', 'preview', 'artifacts', 'archive', 'mount', 'store', 'sys', 'process'],
  cli: [
    'tui',
    'terminal',
    'ui',
    'preview',
    'doctor',
    'service',
    'server',
    'runner',
    'retention',
    'watch',
    'fs',
    'artifacts',
    'agents-runner',
    'archive',
    'mount',
    'age',
    'store',
    'sys',
    'process',
  ],
};

/** Files that stand in src/ itself, such as errors.ts: every folder may import them. */
const LEAF = '';
const LEAF_MAY_IMPORT: readonly string[] = ['process', 'sys'];

/** Imports and exports of other files, `import()` included, as the formatter writes them. */
const SPECIFIER = /(?:\bfrom|\bimport)\s*\(?\s*'(\.{1,2}\/[^']+)'/g;

/**
 * What each task that runs would load with it, and hardly one needs from its start: imported by
 * `import()` only. Types count for nothing here.
 */
const LOADED_LATE: Readonly<Record<string, RegExp>> = {
  runner: /^src\/archive\/(maintain|verify|write)\//,
};

/** Imports and exports that load a module at once. */
const STATIC = /^(?:import|export) (?!type\b)[^;]*?from '(\.{1,2}\/[^']+)'/gm;

const folderOf = (file: string): string => file.split(sep).slice(1, -1)[0] ?? LEAF;

function faultOf(from: string, to: string): string | undefined {
  const [here, there] = [folderOf(from), folderOf(to)];
  if (here === there) return undefined;
  if (there === LEAF) return undefined;
  const allowed = here === LEAF ? LEAF_MAY_IMPORT : (MAY_IMPORT[here] ?? []);
  if (!allowed.includes(there)) return `${here || 'src'} may not import ${there}`;
  return to.endsWith('/index.ts') ? undefined : `goes past the door of ${there}, its index.ts`;
}

function faultsIn(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(SPECIFIER)].flatMap(([, specifier = '']) => {
    const fault = faultOf(file, join(dirname(file), specifier));
    return fault === undefined ? [] : [`${file}: '${specifier}': ${fault}`];
  });
}

function loadedEarlyIn(file: string): string[] {
  const late = LOADED_LATE[folderOf(file)];
  if (!late) return [];
  return [...readFileSync(file, 'utf8').matchAll(STATIC)]
    .map(([, specifier = '']) => join(dirname(file), specifier))
    .filter((to) => late.test(to))
    .map((to) => `${file}: ${to} is to be loaded where it is used, by import()`);
}

process.chdir(join(import.meta.dirname, '..'));
const files = globSync('src/**/*.{ts,tsx}');
const unknown = new Set(
  files.map(folderOf).filter((folder) => folder !== LEAF && !(folder in MAY_IMPORT)),
);
const faults = [
  ...[...unknown].map(
    (folder) => `src/${folder}: scripts/check-imports.ts does not say what it may import`,
  ),
  ...files.flatMap(faultsIn),
  ...files.flatMap(loadedEarlyIn),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
