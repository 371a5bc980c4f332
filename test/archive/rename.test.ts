import { execFile } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { verifyArchives } from '../../src/archive/verify/index.ts';
import { removePlaintext, sealTask } from '../../src/archive/write/index.ts';
import { openTree } from '../../src/artifacts/index.ts';
import { recover, removeTasks, renameTask } from '../../src/runner/index.ts';
import {
  isBeingRemoved,
  loadIdentities,
  parseTaskName,
  pin,
  type Store,
  taskPaths,
  unpin,
} from '../../src/store/index.ts';
import { endedTask, storeWithKeys } from '../support/sealable.ts';

const support = (name: string): string => join(import.meta.dirname, '../support', name);
const STEP = process.env.TASKFS_LONG === '1' ? 1 : 47;

/** Undefined where the fault ended it. */
async function renameFailing(store: Store, from: string, to: string, mode: string, at: number) {
  const injector = ['--import', support('fault-injection.ts')];
  const args = [...injector, support('fault-program.ts'), 'rename', store.path, from, to];
  const env = { ...process.env, FAULT_MODE: mode, FAULT_AT: String(at) };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return JSON.parse(stdout) as { injected: boolean };
  } catch (error) {
    const { signal, stderr } = error as { signal?: string; stderr?: string };
    if (signal === 'SIGKILL' || /injected|EIO|i\/o error|OpenSSL|damaged/.test(stderr ?? ''))
      return undefined;
    throw error;
  }
}

async function contentOf(store: Store, name: string): Promise<string> {
  using tree = await openTree(store, parseTaskName(name), () => loadIdentities(store));
  using file = tree.find('file', 'keep');
  const content = Buffer.alloc(100);
  return content.toString('utf8', 0, file.read(content, 0));
}

test.each(['kill', 'error'])(
  `cut short at any call by: %s (TASKFS_LONG=1: at every one, else each ${STEP}th), ` +
    'a renamed task has one name once recovered',
  async (mode) => {
    const store = await storeWithKeys();
    const names = new Set<string>();
    let refusals = 0;
    for (let at = 1; ; at += STEP) {
      const [old, renamed] = [`old-${at}`, `new-${at}`];
      const { task, paths } = endedTask(store, old, { artifacts: 'sealed' });
      writeFileSync(join(paths.staging, 'file'), `content ${at}`);
      await sealTask(store, task);
      removePlaintext(store, task);
      pin(store, task);
      const result = await renameFailing(store, old, renamed, mode, at);
      if (existsSync(paths.renaming) && !isBeingRemoved(store, task)) {
        refusals++;
        const again = parseTaskName('again');
        await expect(renameTask(store, task, again, async () => [])).rejects.toThrow('cut short');
        unpin(store, task);
        const { failed } = await removeTasks(store, [task]);
        expect(failed.map(({ error }) => error.message).join()).toContain('cut short');
        pin(store, task);
      }
      const recoveries = await recover(store, { scope: 'all' });
      expect(recoveries.filter(({ error }) => error !== null)).toEqual([]);
      const left = [old, renamed].filter((name) => existsSync(join(store.tasks, name)));
      expect(left, `call ${at}`).toHaveLength(1);
      const name = left[0] ?? '';
      names.add(name.slice(0, 3));
      expect(await contentOf(store, name)).toBe(`content ${at}`);
      expect(existsSync(join(taskPaths(store, parseTaskName(name)).directory, 'pinned'))).toBe(
        true,
      );
      if (result?.injected === false) break;
    }
    expect([...names].sort()).toEqual(['new', 'old']);
    expect(refusals).toBeGreaterThan(0);
    const identities = await loadIdentities(store);
    const { findings } = await verifyArchives(store, { deep: true, identities });
    expect(findings).toEqual([]);
    const hidden = [...readdirSync(store.tasks), ...readdirSync(store.archive)].filter(
      (name) => name.startsWith('.') && name !== '.queue',
    );
    expect(hidden).toEqual([]);
  },
  600_000,
);
