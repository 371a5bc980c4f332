/**
 * Seals one task that has ended, as `taskfs recover` does, makes the index of a sealed one anew,
 * renames it, exports it, or changes keys, and fails in it where fault-injection.ts, loaded before
 * it, is told to. Arguments: `seal`, `reindex`, `rename`, `export`, `rotate` or `remove-key`, the
 * store, the task, its new name, the directory or the recipient. Prints, as JSON, how many calls
 * there were and what came of it.
 */
import { loadIdentities, openStore, parseTaskName } from '../../src/store/index.ts';
import { arm, counts } from './fault-injection.ts';

const [verb = '', storePath = '', name = '', newName = ''] = process.argv.slice(2);
const store = openStore(storePath);
const task = parseTaskName(name);
// What was loaded only after this would count as calls.
await Promise.all(['age-encryption', 'mime'].map((module) => import(module)));
const prepare = {
  seal: prepareSeal,
  reindex: prepareReindex,
  rename: prepareRename,
  export: prepareExport,
  rotate: prepareRotate,
  'remove-key': prepareRemoveKey,
}[verb];
const act = await prepare?.();
arm();
const result = await act?.();
process.stdout.write(JSON.stringify({ ...counts(), ...result }));

async function prepareSeal() {
  const { recoverTask } = await import('../../src/runner/index.ts');
  await import('../../src/archive/write/seal.ts');
  return async () => ({
    outcome: (await recoverTask(store, task, { scope: 'all' }))?.outcome ?? 'none',
  });
}

async function prepareReindex() {
  const { reindexTask } = await import('../../src/archive/maintain/index.ts');
  const identities = await loadIdentities(store);
  return async () => ({ rebuilt: (await reindexTask(store, task, { identities })).rebuilt });
}

async function prepareRename() {
  const { renameTask } = await import('../../src/runner/index.ts');
  const identities = await loadIdentities(store);
  return async () => ({
    renamed: await renameTask(store, task, parseTaskName(newName), async () => identities),
  });
}

async function prepareExport() {
  const { exportTree, openTree } = await import('../../src/artifacts/index.ts');
  const tree = await openTree(store, task, () => loadIdentities(store));
  const { files } = exportTree(tree.find('', 'keep'), `${newName}-before`);
  return async () => ({ files: files + exportTree(tree.find('', 'keep'), newName).files });
}

async function prepareRotate() {
  const { rotateOwner } = await import('../../src/archive/maintain/index.ts');
  const own = await loadIdentities(store);
  return () => rotateOwner(store, { own, identities: [] });
}

async function prepareRemoveKey() {
  const { removeRecipient } = await import('../../src/archive/maintain/index.ts');
  const identities = await loadIdentities(store);
  return () => removeRecipient(store, newName, { identities });
}
