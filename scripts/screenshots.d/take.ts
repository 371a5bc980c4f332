/** Runs tasks, opens the page in chromium, and writes what it shows into docs/images/. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { AT, removeTree } from '../../src/sys/index.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'src/cli/main.ts');
const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
const env = { ...process.env, TASKFS_STORE: join(directory, 'store') };

/** Whatever it ends with: one task is meant to fail, others are cancelled. */
const taskfs = (...args: string[]): void => {
  spawnSync(process.execPath, [main, ...args], { env, stdio: 'ignore' });
};
const shell = (name: string, script: string): void =>
  taskfs('run', '--name', name, '--', 'sh', '-c', `cd "$TASKFS_ARTIFACTS" && ${script}`);

/** A picture of the page with few colours: a quarter of the size, and nobody sees it. */
async function take(page: Page, name: string): Promise<void> {
  const picture = await page.screenshot();
  const small = await sharp(picture).png({ palette: true, colours: 128 }).toBuffer();
  writeFileSync(join(root, 'docs/images', `${name}.png`), small);
}

/** Waits until all of them are there. */
async function thumbnails(page: Page): Promise<void> {
  await page.waitForFunction(
    "[...document.querySelectorAll('.tree-row img')].every((image) => image.complete)",
  );
}

async function show(page: Page): Promise<void> {
  await page.locator('#task-train-17').click();
  await page.getByText('report.md').waitFor();
  await page.getByRole('treeitem').filter({ hasText: 'plots' }).click();
  await page.getByRole('treeitem').filter({ hasText: 'loss-12.png' }).click();
  await page.getByText(' × ').waitFor();
  await thumbnails(page);
  await take(page, 'ui');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Log', exact: true }).click();
  await page.getByText('epoch 12').waitFor();
  await take(page, 'ui-log');
  await page.getByRole('treeitem').filter({ hasText: 'config.py' }).click();
  await page.locator('.hljs-keyword').first().waitFor();
  await page.emulateMedia({ colorScheme: 'light' });
  await take(page, 'ui-text');
  await page.getByRole('button', { name: 'Timeline' }).click();
  await page.locator('.part').first().waitFor();
  await take(page, 'ui-timeline');
}

taskfs('init');
shell('lint', 'echo ok > result.txt; sleep 0.4');
shell('test-unit', 'echo "3 failed" > summary.txt; sleep 0.8; exit 1');
shell('build-docs', 'mkdir html; echo "<h1>Docs</h1>" > html/index.html; sleep 0.6');
taskfs('run', '-d', '--name', 'render', '--', 'sh', '-c', 'sleep 600');
taskfs(
  'run',
  '-d',
  '--name',
  'train-17',
  '--',
  process.execPath,
  join(import.meta.dirname, 'task.ts'),
);
const server = spawn(process.execPath, [main, 'ui', '--no-open'], {
  env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  const { value: url } = await createInterface(server.stdout)[Symbol.asyncIterator]().next();
  const page = await browser.newPage({ viewport: { width: 1100, height: 620 } });
  await page.goto(String(url));
  await show(page);
} finally {
  await browser.close();
  server.kill();
  taskfs('cancel', 'render', 'train-17');
  taskfs('wait', 'render', 'train-17');
  removeTree(AT.FDCWD, directory);
}
