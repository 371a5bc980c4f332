import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import type { TaskfsError } from '../../src/errors.ts';
import { readRecord, replaceRecord } from '../../src/store/index.ts';
import { describeEvent, watchEvents } from '../../src/watch/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';
import { gather, handMadeTask, newStore } from '../support/watched-task.ts';

test('what is there is told first, then ready, then what happens', async () => {
  const { store, task, file } = handMadeTask();
  mkdirSync(file('sub'));
  writeFileSync(file('sub/old'), 'abc');
  const { events, told } = gather(store, task);
  await told('ready');
  expect(events.map(({ type }) => type)).toEqual(['task', 'add', 'add', 'ready']);
  appendFileSync(file('sub/old'), 'def');
  expect(await told('change', 'sub/old')).toMatchObject({ kind: 'file', size: 6, task });
  rmSync(file('sub/old'));
  expect(await told('remove', 'sub/old')).toMatchObject({ size: 6 });
});

test('directories made and filled at once are told whole', async () => {
  const { store, task, file } = handMadeTask();
  const { told, believed } = gather(store, task);
  await told('ready');
  mkdirSync(file('a/b/c/d/e'), { recursive: true });
  for (let i = 0; i < 50; i++) writeFileSync(file(`a/b/c/d/e/${i}`), 'x');
  await until('all are told', () => believed().length === 55);
});

test('a file put into a fresh directory later is told too', async () => {
  const { store, task, file } = handMadeTask();
  const { told } = gather(store, task);
  await told('ready');
  mkdirSync(file('deep/er'), { recursive: true });
  await told('add', 'deep/er');
  writeFileSync(file('deep/er/late'), 'x');
  await told('add', 'deep/er/late');
});

test('a renamed directory is removed and added with its content, and watched on', async () => {
  const { store, task, file } = handMadeTask();
  mkdirSync(file('old/in'), { recursive: true });
  writeFileSync(file('old/in/x'), 'x');
  const { told, believed } = gather(store, task);
  await told('ready');
  renameSync(file('old'), file('new'));
  await told('remove', 'old/in/x');
  await told('add', 'new/in/x');
  expect(believed()).toEqual(['new', 'new/in', 'new/in/x']);
  writeFileSync(file('new/in/y'), 'y');
  await told('add', 'new/in/y');
});

test('a file saved by renaming another over it is a change', async () => {
  const { store, task, file } = handMadeTask();
  writeFileSync(file('text'), 'before');
  const { events, told } = gather(store, task);
  await told('ready');
  writeFileSync(file('text.swp'), 'afterwards');
  renameSync(file('text.swp'), file('text'));
  expect(await told('change', 'text')).toMatchObject({ size: 10 });
  expect(events.some((event) => event.type === 'remove' && event.path === 'text')).toBe(false);
});

test('names with newlines, control characters and any bytes are reported as they are', async () => {
  const { store, task, file } = handMadeTask();
  const { events, told } = gather(store, task);
  await told('ready');
  writeFileSync(file('new\nline\x1b[31m'), '');
  writeFileSync(file('bad', [0xff]), '');
  writeFileSync(file('bad', [0xfe]), '');
  writeFileSync(file('bad\uFFFD'), '');
  await told('add', 'new\nline\x1b[31m');
  const ff = Buffer.from('bad\xff', 'latin1').toString('base64');
  const fe = Buffer.from('bad\xfe', 'latin1').toString('base64');
  expect(await told('add', ff)).toMatchObject({ path: 'bad\uFFFD', pathBase64: ff });
  expect(await told('add', fe)).toMatchObject({ path: 'bad\uFFFD', pathBase64: fe });
  expect(await told('add', 'bad\uFFFD')).not.toHaveProperty('pathBase64');
  appendFileSync(file('bad', [0xff]), 'more');
  expect(await told('change', ff)).toMatchObject({ size: 4 });
  const lines = events.map(describeEvent).join(' ');
  expect(lines).toContain('new\\nline\\u{1b}[31m');
  expect(lines).toContain('bad\\xff');
  expect(lines).not.toContain('\x1b');
});

test('in a directory whose name is not UTF-8 it polls for changes, and says so', async () => {
  const { store, task, file } = handMadeTask();
  const { told } = gather(store, task);
  await told('ready');
  mkdirSync(file('d', [0xff]));
  await told('add', Buffer.from('d\xff', 'latin1').toString('base64'));
  writeFileSync(file('d', [0xff], '/inside'), 'x');
  await told('add', Buffer.from('d\xff/inside', 'latin1').toString('base64'));
  expect(await told('note')).toMatchObject({ message: expect.stringContaining('not UTF-8') });
});

test('symlinks are themselves: nothing behind them is told', async () => {
  const outside = temporaryDirectory();
  writeFileSync(`${outside}/secret`, 'x');
  const { store, task, file } = handMadeTask();
  symlinkSync(outside, file('before'));
  const { told, believed } = gather(store, task);
  await told('ready');
  symlinkSync(outside, file('after'));
  expect(await told('add', 'after')).toMatchObject({ kind: 'symlink' });
  writeFileSync(`${outside}/new`, 'x');
  writeFileSync(file('marker'), 'x');
  await told('add', 'marker');
  expect(believed()).toEqual(['after', 'before', 'marker']);
});

test('a directory swapped for a symlink is no way out either', async () => {
  const outside = temporaryDirectory();
  writeFileSync(`${outside}/secret`, 'x');
  const { store, task, file } = handMadeTask();
  mkdirSync(file('dir'));
  const { told, believed } = gather(store, task);
  await told('ready');
  rmSync(file('dir'), { recursive: true });
  symlinkSync(outside, file('dir'));
  await told('remove', 'dir');
  writeFileSync(file('marker'), 'x');
  await told('add', 'marker');
  expect(believed()).toEqual(['dir', 'marker']);
});

test('sealing is the end: no file is told as removed, the last word is sealed', async () => {
  const { store, task, file, seal } = handMadeTask();
  writeFileSync(file('result'), 'x');
  const { events, told, ended, believed } = gather(store, task);
  await told('ready');
  await seal();
  await ended;
  expect(events.at(-1)).toMatchObject({ type: 'task', status: 'completed', artifacts: 'sealed' });
  expect(believed()).toEqual(['result']);
});

test('a task whose sealing failed ends the watch as kept', async () => {
  const { store, task, paths } = handMadeTask();
  const { events, told, ended } = gather(store, task);
  await told('ready');
  const sealing = replaceRecord(paths.record, readRecord(paths.record, task), {
    status: 'failed',
    artifacts: 'sealing',
  });
  replaceRecord(paths.record, sealing, { artifacts: 'kept', sealError: 'no space' });
  await ended;
  expect(events.at(-1)).toMatchObject({ type: 'task', status: 'failed', artifacts: 'kept' });
});

test('a task removed from the store ends the watch as gone', async () => {
  const { store, task, paths } = handMadeTask();
  const { events, told, ended } = gather(store, task);
  await told('ready');
  rmSync(paths.directory, { recursive: true });
  await ended;
  expect(events.at(-1)).toMatchObject({ type: 'gone', task });
});

test('what a task writes in its last moment is told before its end', async () => {
  const { store, task, file, seal } = handMadeTask();
  writeFileSync(file('early'), 'x');
  // Nothing is looked at any more until the end: the last files are found in the archive.
  const { events, told, ended, believed } = gather(store, task, { debounceMs: 10_000 });
  await told('add', 'early');
  appendFileSync(file('early'), 'more');
  mkdirSync(file('late', [0xff]));
  writeFileSync(file('late', [0xff], '/report'), 'x');
  await seal();
  await ended;
  expect(await told('change', 'early')).toMatchObject({ size: 5 });
  expect(believed()).toHaveLength(3);
  expect(believed()).toContain(Buffer.from('late\xff/report', 'latin1').toString('base64'));
  expect(events.at(-1)).toMatchObject({ type: 'task', artifacts: 'sealed' });
  expect(events.some(({ type }) => type === 'remove')).toBe(false);
});

test('a task that is archived already is told with its files, and that is all', async () => {
  const { store, task, file, seal } = handMadeTask();
  mkdirSync(file('sub'));
  writeFileSync(file('sub/x'), 'x');
  await seal();
  const { events, ended, believed } = gather(store, task);
  await ended;
  expect(events[0]).toMatchObject({ type: 'task', artifacts: 'sealed' });
  expect(events.slice(1).map(({ type }) => type)).toEqual(['add', 'add']);
  expect(believed()).toEqual(['sub', 'sub/x']);
});

test('an archive that does not open ends the watch with a note', async () => {
  const { store, task, seal } = handMadeTask();
  await seal();
  const { events, ended } = gather(store, task, { findIdentities: async () => [] });
  await ended;
  expect(events.at(-1)).toMatchObject({
    type: 'note',
    message: expect.stringContaining('identity'),
  });
});

test('an unknown task is not found', async () => {
  const events = watchEvents(newStore(), handMadeTask().task);
  await expect(events.next()).rejects.toMatchObject({
    kind: 'not-found',
  } satisfies Partial<TaskfsError>);
});

test('all tasks are followed, those that come later too; archived ones are no news', async () => {
  const old = handMadeTask('old');
  await old.seal();
  handMadeTask('first', old.store);
  const { events, told } = gather(old.store, undefined);
  await told('ready');
  const second = handMadeTask('second', old.store);
  writeFileSync(second.file('x'), 'x');
  await told('add', 'x');
  await second.seal();
  await until('sealed', () =>
    events.find((event) => event.type === 'task' && event.artifacts === 'sealed'),
  );
  expect(events.some((event) => event.task === old.task)).toBe(false);
  expect(events.some((event) => event.type === 'remove')).toBe(false);
});

test('one unreadable record does not end the watch of all', async () => {
  const good = handMadeTask('good');
  const bad = handMadeTask('bad', good.store);
  writeFileSync(bad.paths.record, 'not JSON');
  const { told } = gather(good.store, undefined);
  await told('ready');
  writeFileSync(good.file('x'), 'x');
  await told('add', 'x');
});

test('the stream ends when its signal aborts, and descriptors are all given back', async () => {
  const { store, task, file } = handMadeTask();
  for (let i = 0; i < 100; i++) mkdirSync(file(`d${i}`));
  await watchOnce(store, task);
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 10; i++) await watchOnce(store, task);
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  expect(inotifyWatches()).toBe(0);
});

async function watchOnce(
  store: Parameters<typeof watchEvents>[0],
  task: Parameters<typeof watchEvents>[1],
) {
  const stop = new AbortController();
  for await (const { type } of watchEvents(store, task, { debounceMs: 1, signal: stop.signal })) {
    if (type !== 'ready') continue;
    expect(inotifyWatches()).toBeGreaterThan(100);
    stop.abort();
  }
}

function inotifyWatches(): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    try {
      count += readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').split('\ninotify wd').length - 1;
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
  return count;
}
