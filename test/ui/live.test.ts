import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import {
  describeWithBrowser,
  startUi,
  startUiServer,
  useBrowser,
  visit,
} from '../support/browser.ts';
import { newCli } from '../support/cli.ts';
import { picture } from '../support/media.ts';
import { until } from '../support/until.ts';

/**
 * A task that does what its test tells it: commands in a file, one after the other, until `end`.
 */
const OBEY =
  'cd "$TASKFS_ARTIFACTS"; mkdir -p "$CONTROL"; ' +
  'until [ -e "$CONTROL/end" ]; do sleep 0.05; ' +
  'for f in "$CONTROL"/*.sh; do [ -e "$f" ] && . "$f" && rm "$f"; done; done';

const row = (page: Page, name: string) =>
  page
    .getByRole('treeitem')
    .filter({ has: page.locator('.name').getByText(name, { exact: true }) });
const task = (page: Page, name: string) => page.locator(`#task-${name}`);
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

describeWithBrowser('the page, live', () => {
  useBrowser();

  it('shows what a task writes, and goes on with its archive', { timeout: 120_000 }, async () => {
    const cli = newCli();
    const control = join(cli.base, 'control');
    const obey = async (script: string): Promise<void> => {
      const file = join(control, 'next.sh');
      writeFileSync(`${file}.new`, script);
      renameSync(`${file}.new`, file);
      await until('the task obeyed', () => !existsSync(file));
    };
    mkdirSync(control);
    const { page, requests, complaints } = await visit(await startUi(cli));
    await page.getByText('No tasks yet').waitFor();
    // A task that nothing is known of is named.
    mkdirSync(join(cli.store, 'tasks/torn'));
    writeFileSync(join(cli.store, 'tasks/torn/task.json'), '{"task"');
    await page.getByText("Task torn cannot be read: 'taskfs status torn' says why.").waitFor();
    rmSync(join(cli.store, 'tasks/torn'), { recursive: true });
    await page.getByText('Task torn').waitFor({ state: 'hidden' });
    await cli.run(
      'run',
      '-d',
      '--name',
      'build',
      '-e',
      `CONTROL=${control}`,
      '--',
      'sh',
      '-c',
      OBEY,
    );

    await task(page, 'build').getByText('Live').waitFor();
    await task(page, 'build').click();
    await obey(
      'mkdir -p src/deep; for i in $(seq 60); do echo $i > src/$i.txt; done; ' +
        "echo 'let a = 1;' > src/deep/a.js",
    );
    await row(page, 'src').click();
    await row(page, 'deep').click();
    await row(page, 'a.js').click();
    await page.locator('.hljs-keyword').waitFor();
    expect(await row(page, 'a.js').getByText('changed').count()).toBe(1);

    // What is open, chosen and scrolled to stays where it is when something else changes.
    const tree = page.getByRole('tree');
    await tree.evaluate((element) => element.scrollTo(0, 400));
    // Sooner than all files are looked at anyway, which is every five seconds: once in a few times,
    // however busy the machine is.
    let entries = 63;
    for (let took = Number.POSITIVE_INFINITY; took > 4_500; ) {
      entries += 1;
      expect(entries, 'changes that are seen too late').toBeLessThan(70);
      const before = Date.now();
      await obey(`echo more >> src/30.txt; echo > src/new-${entries}.txt`);
      await page.getByText(`${entries} entries`).waitFor();
      took = Date.now() - before;
    }
    expect(await tree.evaluate((element) => element.scrollTop)).toBe(400);
    await tree.evaluate((element) => element.scrollTo(0, 0));
    expect(await row(page, 'a.js').getAttribute('aria-selected')).toBe('true');

    // A text that grows is followed; a picture that is written again is shown again.
    await obey('seq 2000 > progress.txt');
    await page.getByText(`${entries + 1} entries`).waitFor();
    await tree.press('End');
    await page.getByLabel('Follow').check();
    await obey('echo the newest line >> progress.txt');
    await page.getByText('the newest line').waitFor();
    writeFileSync(join(cli.base, 'plot.png'), await picture(40, 30));
    await obey(`cp ${cli.base}/plot.png plot.png`);
    await row(page, 'plot.png').click();
    await page.getByText('40 × 30').waitFor();
    writeFileSync(join(cli.base, 'plot.png'), await picture(64, 48));
    await obey(`cp ${cli.base}/plot.png plot.png`);
    await page.getByText('64 × 48').waitFor();

    // The log, as a terminal would show it in the end.
    await obey(
      "printf '\\033[1;31mred\\033[0m\\n10%%\\r55%%\\rdone \\033[K\\n" +
        " one\\n two\\n\\033[2A1\\n2\\n'",
    );
    await button(page, 'Log').click();
    const log = page.getByRole('region', { name: 'Log of build' });
    await log.getByText('red').waitFor();
    expect(await log.locator('code').allInnerTexts()).toEqual(['red', 'done ', '1one', '2two']);
    expect(await log.getByText('red').getAttribute('class')).toBe('ansi-bold');
    await page.getByLabel('Search in Log of build').fill('TWO');
    await page.getByText('1 of 1 lines').waitFor();

    // At the end the page shows the archive, and what was looked at stays there.
    await row(page, 'plot.png').click();
    await page.getByText('64 × 48').waitFor();
    const scrolled = await tree.evaluate((element) => element.scrollTop);
    await obey('echo last > last.txt; touch "$CONTROL/end"');
    await page.getByText('You now see its archive').waitFor();
    await task(page, 'build').getByText('Archived').waitFor();
    await row(page, 'last.txt').waitFor();
    expect(await page.getByRole('img', { name: 'plot.png' }).isVisible()).toBe(true);
    expect(await tree.evaluate((element) => element.scrollTop)).toBe(scrolled);
    await row(page, 'last.txt').click();
    await page.locator('code', { hasText: 'last' }).waitFor();
    await page.reload();
    await page.locator('code', { hasText: 'last' }).waitFor();
    // The tree opens for what the address leads to.
    await row(page, 'src').click();
    await row(page, 'deep').click();
    await row(page, 'a.js').click();
    await page.reload();
    await row(page, 'a.js').waitFor();
    expect(await row(page, 'a.js').getAttribute('aria-selected')).toBe('true');
    expect(requests.filter((url) => !url.startsWith('http://127.0.0.1:'))).toEqual([]);
    expect(complaints).toEqual([]);

    await button(page, 'Timeline').click();
    await page.getByRole('img', { name: /^queued .*, ran .*, sealed / }).waitFor();
    await button(page, 'Timeline').click();
    await button(page, 'Pin').click();
    await button(page, 'Unpin').click();
    await button(page, 'Remove').click();
    await button(page, 'Remove for good').click();
    await page.getByText('Task build was removed.').waitFor();
    await page.getByText('No tasks yet').waitFor();
    expect(await cli.json('ps', '-a', '--json')).toEqual([]);
  });

  it('says when its server has ended', async () => {
    const cli = newCli();
    const { url, stop } = await startUiServer(cli);
    const { page } = await visit(url);
    await page.getByText('No tasks yet').waitFor();
    await stop();
    await page.getByText('taskfs ui does not answer').waitFor();
    await startUi(cli, '--port', new URL(url).port);
    await page.getByText('This taskfs ui has ended').waitFor();
    await page.reload();
    await page.getByText('This is not the address of the page').waitFor();
  });

  it('edits, uploads, downloads, pauses and cancels', async () => {
    const cli = newCli();
    const staging = join(cli.store, 'staging', 'job');
    await cli.run(
      'run',
      '-d',
      '--name',
      'job',
      '--',
      'sh',
      '-c',
      'cd "$TASKFS_ARTIFACTS"; mkdir d; echo one > a.txt; echo two > d/b.txt; exec sleep 600',
    );
    await until('the files are there', () => existsSync(join(staging, 'd/b.txt')));
    const permissions = ['clipboard-read', 'clipboard-write'];
    const { page } = await visit(await startUi(cli), { permissions });
    await task(page, 'job').click();
    await row(page, 'a.txt').click();
    await button(page, 'Edit').click();
    const text = page.getByLabel('Text of a.txt');
    await text.and(page.locator(':focus')).waitFor();
    await text.fill('mine\n');
    await text.press('Control+s');
    await page.getByText('Saved.').waitFor();
    expect(readFileSync(join(staging, 'a.txt'), 'utf8')).toBe('mine\n');

    // A change beneath is told; neither side's text is lost, also while something else is shown.
    await text.fill('mine again\n');
    await button(page, 'Log').click();
    await page.getByRole('heading', { name: 'Log', exact: true }).waitFor();
    await row(page, 'a.txt').click();
    expect(await text.inputValue()).toBe('mine again\n');
    appendFileSync(join(staging, 'a.txt'), 'of the task\n');
    await page.getByText('The task changed this file').waitFor();
    await button(page, 'Save').click();
    await button(page, 'Save mine beside it').click();
    await row(page, 'a.txt.edited').waitFor();
    expect(readFileSync(join(staging, 'a.txt'), 'utf8')).toBe('mine\nof the task\n');
    expect(readFileSync(join(staging, 'a.txt.edited'), 'utf8')).toBe('mine again\n');
    await button(page, 'Edit').click();
    await text.fill('over\n');
    appendFileSync(join(staging, 'a.txt'), 'once more\n');
    await button(page, 'Save').click();
    await button(page, 'Overwrite it').click();
    await until(
      'it was overwritten',
      () => readFileSync(join(staging, 'a.txt'), 'utf8') === 'over\n',
    );

    // What is too large for that is not offered for editing.
    writeFileSync(join(staging, 'large.txt'), 'line\n'.repeat(1_000_000));
    await row(page, 'large.txt').click();
    await page.getByRole('group', { name: 'Part of the text' }).waitFor();
    expect(await button(page, 'Edit').count()).toBe(0);

    await row(page, 'd').click();
    const upload = (content: string) =>
      page.locator('input[type=file]').setInputFiles({
        name: 'näme with $pace%.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from(content),
      });
    await upload('uploaded');
    await row(page, 'näme with $pace%.txt').waitFor();
    const uploaded = join(staging, 'd/näme with $pace%.txt');
    expect(readFileSync(uploaded, 'utf8')).toBe('uploaded');
    const answer = async (content: string, how: 'dismiss' | 'accept'): Promise<void> => {
      const [asked] = await Promise.all([page.waitForEvent('dialog'), upload(content)]);
      expect(asked.message()).toContain('is there already');
      await asked[how]();
    };
    await answer('other', 'dismiss');
    await answer('replaced', 'accept');
    await until('it was replaced', () => readFileSync(uploaded, 'utf8') === 'replaced');

    const download = async (name: string): Promise<string> => {
      const [got] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name, exact: true }).click(),
      ]);
      const path = join(cli.base, got.suggestedFilename());
      await got.saveAs(path);
      return path;
    };
    await row(page, 'näme with $pace%.txt').click();
    expect(readFileSync(await download('Download'), 'utf8')).toBe('replaced');
    await row(page, 'd').click();
    const tar = await download('Download as tar');
    const { stdout } = await cli.script(`tar -xOf ${tar} ./b.txt; tar -tf ${tar} | wc -l`);
    expect(stdout.split('\n')).toEqual(['two', '3', '']);

    const copyPath = page.getByRole('group', { name: 'File actions' }).getByText('Copy path');
    await copyPath.click();
    await page.getByText('No mount shows the files').waitFor();
    const mount = join(cli.base, 'mount');
    expect((await cli.run('mount', mount)).code).toBe(0);
    await copyPath.click();
    await page.getByText(`Copied: ${mount}/live/job/d`).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`${mount}/live/job/d`);

    await button(page, 'Pause').click();
    await task(page, 'job').getByText('paused').waitFor();
    await button(page, 'Resume').click();
    await button(page, 'Pause').waitFor();
    // Whoever edits when the task ends keeps the text.
    await row(page, 'a.txt').click();
    await button(page, 'Edit').click();
    await text.fill('too late');
    const recipients = join(cli.store, 'keys/recipients.txt');
    renameSync(recipients, `${recipients}.away`);
    await button(page, 'Cancel').click();
    await task(page, 'job').getByText('Kept').waitFor();
    await page.getByText('could not be sealed').first().waitFor();
    renameSync(`${recipients}.away`, recipients);
    await button(page, 'Seal again').click();
    await task(page, 'job').getByText('Archived').waitFor();
    await button(page, 'Save').click();
    await page.getByText('Your text is still here').waitFor();
    expect(await text.inputValue()).toBe('too late');
  });
});
