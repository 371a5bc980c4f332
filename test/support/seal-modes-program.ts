/**
 * Seals files that their own user cannot read, and prints what the archive and the disk say of
 * them.
 */
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openArchive, unlockArchive } from '../../src/archive/index.ts';
import { sealTask } from '../../src/archive/write/index.ts';
import { loadIdentities } from '../../src/store/index.ts';
import { endedTask, storeWithKeys } from './sealable.ts';

const { store, task, paths } = endedTask(await storeWithKeys(process.argv[2]), 'modes');
const secret = join(paths.staging, 'secret');
const closed = join(paths.staging, 'closed');
writeFileSync(secret, 'hidden');
mkdirSync(closed);
writeFileSync(join(closed, 'inner'), 'inside', { mode: 0o400 });
// So many that threads help: the directory stays open to them until they have read all of it.
for (let number = 0; number < 1200; number++)
  writeFileSync(join(closed, `many-${number}`), `${number}`, { mode: number % 100 && 0o600 });
chmodSync(secret, 0);
chmodSync(closed, 0);
await sealTask(store, task);

const reader = openArchive(
  paths.archive,
  await unlockArchive(paths.archive, await loadIdentities(store)),
);
const find = (path: string) =>
  path.split('/').reduce((entry, name) => {
    const found = reader.lookup(entry, Buffer.from(name));
    if (!found) throw new Error(`${path} is not in the archive`);
    return found;
  }, reader.root());
const read = (path: string) => {
  const entry = find(path);
  const bytes = Buffer.alloc(entry.size);
  reader.read(entry, bytes, 0);
  return [bytes.toString(), entry.mode];
};
const archived = {
  secret: read('secret'),
  'closed/inner': read('closed/inner'),
  'closed/many-1199': read('closed/many-1199'),
  'closed/many-1100': read('closed/many-1100'),
  closed: find('closed').mode,
};
const modeOf = (name: string): number => statSync(join(paths.aside, name)).mode & 0o7777;
process.stdout.write(
  JSON.stringify({ archived, onDisk: { secret: modeOf('secret'), closed: modeOf('closed') } }),
);
