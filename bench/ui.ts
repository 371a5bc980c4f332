/**
 * What the page costs, in Debian's chromium: the first paint, the list of 5,000 tasks, a tree of
 * 10,000 files, and the time from a change to its being shown.
 *   node bench/ui.ts
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { chromium, type Page } from 'playwright-core';
import {
  createKeys,
  createRecord,
  createStore,
  newRecord,
  parseTaskName,
  type Store,
  type TaskRecord,
  taskPaths,
  taskSpec,
} from '../src/store/index.ts';
import { AT, removeTree } from '../src/sys/index.ts';
import { findPage } from '../src/ui/page-files.ts';
import { median } from './live/table.ts';

const TASKS = 5_000;
const FILES = 10_000;
const DIRECTORIES = 50;
const CHANGES = 10;
const main = join(import.meta.dirname, '../src/cli/main.ts');

const SPEC = taskSpec(['true'], { cwd: '/' });

function makeTask(store: Store, name: string, more: Partial<TaskRecord>): string {
  const task = parseTaskName(name);
  const paths = taskPaths(store, task);
  mkdirSync(paths.directory);
  createRecord(paths.record, { ...newRecord(task, SPEC), ...more });
  return paths.staging;
}

async function makeStore(directory: string): Promise<{ store: Store; staging: string }> {
  const store = createStore(join(directory, 'store'));
  await createKeys(store);
  for (let at = 0; at < TASKS; at++) {
    const at2 = new Date(Date.UTC(2026, 0, 1) + at * 60_000).toISOString();
    const times = { createdAt: at2, startedAt: at2, endedAt: at2, sealedAt: at2 };
    makeTask(store, `task-${at}`, { status: 'completed', artifacts: 'sealed', ...times });
  }
  const staging = makeTask(store, 'live', { startedAt: new Date().toISOString() });
  mkdirSync(staging);
  for (let at = 0; at < DIRECTORIES; at++) mkdirSync(join(staging, `d${at}`));
  for (let at = 0; at < FILES; at++) {
    writeFileSync(join(staging, `d${at % DIRECTORIES}`, `file-${at}.txt`), `${at}\n`);
  }
  return { store, staging };
}

async function timed(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Milliseconds after the navigation began, as the browser counts. */
const firstPaint = (page: Page): Promise<number> =>
  page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1);

/** How long frames take while a list is scrolled from its beginning to its end, in milliseconds. */
const SCROLL = `async (element) => {
  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const frames = [];
  let before = await nextFrame();
  for (let step = 1; step <= 120; step++) {
    element.scrollTop = (element.scrollHeight * step) / 120;
    const now = await nextFrame();
    frames.push(now - before);
    before = now;
  }
  return frames;
}`;

const framesOf = (page: Page, list: string): Promise<number[]> =>
  page.evaluate(`(${SCROLL})(document.querySelector('${list}'))`);

const print = (what: string, value: number, unit: string, bar: string): void => {
  process.stdout.write(`${what.padEnd(46)}${value.toFixed(0).padStart(6)} ${unit}  (${bar})\n`);
};

const directory = mkdtempSync(join(tmpdir(), 'taskfs-bench-ui-'));
const { store, staging } = await makeStore(directory);
const page = await findPage();
const code = await Promise.all(
  ['index.html', 'styles.css', 'main.js'].map((name) => page.get(name)?.read()),
);
const compressed = code.reduce((sum, file) => sum + gzipSync(file ?? '').length, 0);
print('code of the page, gzip', compressed / 1024, 'KiB', 'bar 250');

const server = spawn(process.execPath, [main, 'ui', '--no-open'], {
  env: { ...process.env, TASKFS_STORE: store.path },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const { value: url } = await createInterface(server.stdout)[Symbol.asyncIterator]().next();
  const tab = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await tab.goto(String(url));
  await tab.getByText(`${TASKS + 1} tasks`).waitFor();
  const paints: number[] = [];
  const lists: number[] = [];
  for (let time = 0; time < 5; time++) {
    lists.push(
      await timed(async () => {
        await tab.reload();
        await tab.getByText(`${TASKS + 1} tasks`).waitFor();
      }),
    );
    paints.push(await firstPaint(tab));
  }
  print('first paint', median(paints), 'ms', 'bar 300');
  print(`${TASKS} tasks listed, from the reload on`, median(lists), 'ms', 'no bar');
  const frames = await framesOf(tab, '[role=listbox]');
  print('a frame while the list is scrolled, median', median(frames), 'ms', 'smooth: 17');

  const tree = await timed(async () => {
    await tab.getByLabel('Filter tasks by state').selectOption('live');
    await tab.locator('#task-live').click();
    await tab.getByText(`${FILES + DIRECTORIES} entries`).waitFor();
  });
  print(`tree of ${FILES} files`, tree, 'ms', 'bar 500');
  const latencies: number[] = [];
  for (let time = 0; time < CHANGES; time++) {
    writeFileSync(join(staging, `new-${time}`), 'x');
    const count = FILES + DIRECTORIES + time + 1;
    latencies.push(await timed(() => tab.getByText(`${count} entries`).waitFor()));
  }
  print('a new file is shown, median', median(latencies), 'ms', 'bar 1000');
  print('a new file is shown, longest', Math.max(...latencies), 'ms', 'bar 1000');
  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  print(
    'CPU time of the server in all',
    (Number(stat[11]) + Number(stat[12])) * 10,
    'ms',
    'no bar',
  );
} finally {
  await browser.close();
  server.kill();
  removeTree(AT.FDCWD, directory);
}
