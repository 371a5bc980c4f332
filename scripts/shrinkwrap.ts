/**
 * Writes npm-shrinkwrap.json for the package that is being packed: what package-lock.json pins,
 * without what only development needs. With it, `npm install` of the package takes the very
 * versions that were tested, by their hashes, from whichever registry is configured. It is there
 * for the time of the packing only: npm would prefer it to package-lock.json in the checkout.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Locked {
  readonly dev?: boolean;
  readonly resolved?: string;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

const root = join(import.meta.dirname, '..');
const lock: Lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

const packages = Object.entries(lock.packages)
  .filter(([, { dev }]) => dev !== true)
  .map(([path, { resolved: _registry, devDependencies: _others, ...locked }]) => [path, locked]);

const shrinkwrap = { ...lock, packages: Object.fromEntries(packages) };
writeFileSync(join(root, 'npm-shrinkwrap.json'), `${JSON.stringify(shrinkwrap, null, 2)}\n`);
