import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TaskfsError } from '../../src/errors.ts';
import { createStore, openStore, storePath } from '../../src/store/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const refusal = (action: () => unknown): TaskfsError => {
  try {
    action();
  } catch (error) {
    if (error instanceof TaskfsError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('storePath', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('takes what was asked for, then TASKFS_STORE, then the data directory', () => {
    vi.stubEnv('XDG_DATA_HOME', '/data');
    vi.stubEnv('TASKFS_STORE', '/env/store');
    expect(storePath('/asked')).toBe('/asked');
    expect(storePath(undefined)).toBe('/env/store');
    vi.stubEnv('TASKFS_STORE', undefined);
    expect(storePath(undefined)).toBe('/data/taskfs');
  });

  it('takes no relative data directory, and refuses a home that is nowhere', () => {
    vi.stubEnv('TASKFS_STORE', undefined);
    vi.stubEnv('XDG_DATA_HOME', 'data');
    vi.stubEnv('HOME', '/home/me');
    expect(storePath(undefined)).toBe('/home/me/.local/share/taskfs');
    for (const home of ['', 'me']) {
      vi.stubEnv('HOME', home);
      expect(refusal(() => storePath(undefined))).toMatchObject({ kind: 'usage' });
    }
  });
});

describe('createStore', () => {
  it('makes everything 0700 and is content to be called again', () => {
    const path = join(temporaryDirectory(), 'a', 'store');
    const store = createStore(path);
    createStore(path);
    for (const part of [path, store.keys, store.tasks, store.staging, store.archive]) {
      expect(statSync(part).mode & 0o777).toBe(0o700);
    }
    expect(openStore(path)).toEqual(store);
  });

  it('leaves a directory alone that holds something else', () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, 'thesis.tex'), '');
    expect(refusal(() => createStore(path)).message).toContain("holds 'thesis.tex'");
    expect(readdirSync(path)).toEqual(['thesis.tex']);
  });

  it('names a file that stands where the store should be', () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    expect(refusal(() => createStore(path)).kind).toBe('usage');
  });
});

describe('openStore', () => {
  const made = (): string => createStore(join(temporaryDirectory(), 'store')).path;

  it('says where there is none', () => {
    const error = refusal(() => openStore(join(temporaryDirectory(), 'none')));
    expect(error.kind).toBe('not-found');
    expect(error.hint).toContain('taskfs init');
  });

  it.each([
    ['another format', '{"format":2}', 'usage', 'says format 2'],
    ['no format', '{}', 'usage', 'says format null'],
    ['no JSON', 'garbage', 'damaged', 'unreadable'],
  ])('refuses %s', (_name, text, kind, words) => {
    const path = made();
    writeFileSync(join(path, 'store.json'), text);
    const error = refusal(() => openStore(path));
    expect(error.kind).toBe(kind);
    expect(error.message).toContain(words);
  });

  it('refuses one that others may read', () => {
    const path = made();
    chmodSync(path, 0o755);
    const error = refusal(() => openStore(path));
    expect(error.message).toContain('mode 0755');
    expect(error.hint).toContain('chmod 700');
  });

  it.runIf(process.getuid?.() === 0)('refuses one of another owner (as root only)', () => {
    const path = made();
    chownSync(path, 4242, 4242);
    expect(refusal(() => openStore(path)).message).toContain('belongs to uid 4242');
  });

  it('refuses an existing readable directory as a new store', () => {
    const path = join(temporaryDirectory(), 'store');
    mkdirSync(path);
    mkdirSync(join(path, 'tasks'));
    chmodSync(path, 0o755);
    expect(refusal(() => createStore(path)).message).toContain('mode 0755');
  });
});
