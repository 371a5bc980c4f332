import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { describeWithBrowser, startUi, useBrowser, visit } from '../support/browser.ts';
import { main, newCli } from '../support/cli.ts';
import { picture, wavOf } from '../support/media.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds wrong with what is shown: rule and place. The page's policy lets no script in. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

/** A WAV file of silence, to play and to ask parts of. */
const silence = (samples: number): Buffer =>
  wavOf({ channels: 1, bits: 8, rate: 8000 }, Buffer.alloc(samples, 128));

/** A WebM file as the browser itself makes one, in base64: a square that moves. */
const RECORD_VIDEO = `(async () => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [160, 120];
  const paint = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: 'video/webm' });
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  recorder.start();
  for (let at = 0; at < 10; at++) {
    paint.fillRect(at * 10, at * 10, 10, 10);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  await new Promise((resolve) => {
    recorder.onstop = resolve;
    recorder.stop();
  });
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
})()`;

/** The main module of the package where npm could not install sharp, which is optional. */
function withoutSharp(): string {
  const modules = join(main, '../../..');
  const target = join(temporaryDirectory(), 'node_modules');
  const isWanted = (path: string): boolean => !/node_modules\/(sharp|taskfs\/caches)$/.test(path);
  cpSync(modules, target, { recursive: true, verbatimSymlinks: true, filter: isWanted });
  return join(target, 'taskfs/dist/main.js');
}

const NOTEBOOK = {
  nbformat: 4,
  metadata: { kernelspec: { language: 'python' } },
  cells: [
    { cell_type: 'markdown', source: ['# A notebook\n', 'with **words**'] },
    {
      cell_type: 'code',
      execution_count: 3,
      source: ['def f():\n', '    return 1'],
      outputs: [{ text: ['printed\n'] }, { traceback: ['\u001b[31mAnError\u001b[0m: why'] }],
    },
  ],
};

describeWithBrowser('the page, archived files', () => {
  useBrowser();

  it('shows each kind of file, for everyone', { timeout: 120_000 }, async () => {
    const cli = newCli();
    const files = join(cli.base, 'files');
    mkdirSync(join(files, 'pictures'), { recursive: true });
    const put = (name: string, content: string | Buffer): void =>
      writeFileSync(join(files, name), content);
    for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
      put(`pictures/a.${format}`, await picture(64, 48, format));
    }
    for (const name of ['v9.svg', 'v10.svg']) {
      put(`pictures/${name}`, '<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>');
    }
    put('code.py', 'def f(x):\n    return "<b>"  # why\n');
    put('long.md', 'words '.repeat(100_000));
    put('out.log', '\u001b[31mred\u001b[0m words\n');
    put('data.csv', 'name,size\n"a, b",1\nc,2\n');
    put('data.jsonl', '{"a":1,"b":"x"}\n{"a":2,"c":null}\n');
    put(
      'data.json',
      JSON.stringify({ list: Array.from({ length: 500 }, (_, at) => at), deep: { er: true } }),
    );
    put('note.ipynb', JSON.stringify(NOTEBOOK));
    put(
      'read.md',
      '# Read me\n\n- one\n- [x] two\n\n```\ncode\n```\n\n' +
        '| a | b |\n|---|---|\n| 1 | 2 |\n\n[notes](data.csv)\n',
    );
    put('doc.pdf', '%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n');
    put('sound.wav', silence(80_000));
    put('some.bin', Buffer.from([0, 1, 2, 0xff]));
    put('wrong.pdf', 'this is text');
    const ran = await cli.run(
      'run',
      '--name',
      'kinds',
      '--',
      'sh',
      '-c',
      `cp -r ${files}/. "$TASKFS_ARTIFACTS"; for c in 0 1 2 3 4 5 6 7; do ` +
        `printf "\\033[3$\{c}mc$c \\033[9$\{c}mb$c\\033[0m\\n"; done`,
    );
    expect(ran).toMatchObject({ code: 0, stderr: expect.any(String) });
    await cli.run('run', '--name', 'broken', '--', 'sh', '-c', 'exit 3');

    const { page, context, requests, complaints } = await visit(await startUi(cli));
    const filter = page.getByLabel('Filter tasks by name');
    await page.getByText('2 tasks', { exact: true }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('kin');
    await page.getByText('1 of 2 tasks').waitFor();
    await filter.fill('');
    await page.getByLabel('Filter tasks by state').selectOption('failed');
    await page.getByText('failed (exit code 3)').waitFor();
    await page.getByText('1 of 2 tasks').waitFor();
    await page.getByLabel('Filter tasks by state').selectOption('all');

    // By keys alone: the second task, its files, the first directory, the pictures in it.
    await page.keyboard.press('Escape');
    await page.locator('body').click({ position: { x: 700, y: 500 } });
    await page.keyboard.press('t');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    await page.getByRole('heading', { name: 'kinds' }).waitFor();
    await page.getByRole('treeitem').first().waitFor();
    await page.keyboard.press('f');
    for (const key of ['Home', 'ArrowRight', 'ArrowDown']) await page.keyboard.press(key);
    await page.getByText('64 × 48').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press('v');
    for (const name of ['pictures/a.gif', 'pictures/a.jpeg']) {
      await page.getByRole('region', { name: 'Picture' }).and(page.locator(':focus')).waitFor();
      await page.keyboard.press('ArrowRight');
      await page.getByRole('heading', { name }).waitFor();
    }

    const show = async (name: string): Promise<void> => {
      await page
        .getByRole('treeitem')
        .filter({ has: page.locator('.name').getByText(name, { exact: true }) })
        .click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
    };
    const content = page.locator('.content');
    await show('code.py');
    await content.locator('.hljs-keyword').first().waitFor();
    expect(await content.locator('code').allTextContents()).toEqual([
      'def f(x):',
      '    return "<b>"  # why',
    ]);
    expect(await faultsOf(page)).toEqual([]);
    await show('out.log');
    await content.getByText('red', { exact: true }).waitFor();
    expect(await content.locator('code').allTextContents()).toEqual(['red words']);
    await show('data.csv');
    await content.getByRole('cell', { name: 'a, b' }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await content.getByRole('button', { name: 'Source' }).click();
    await content.getByText('"a, b",1').waitFor();
    await show('data.jsonl');
    await content.getByRole('columnheader', { name: 'c' }).waitFor();
    await show('data.json');
    await content.getByText('[ 500 ]').click();
    await content.getByRole('button', { name: '300 more' }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await show('note.ipynb');
    await content.getByRole('heading', { name: 'A notebook' }).waitFor();
    await content.getByText('AnError').waitFor();
    await content.locator('.hljs-keyword').first().waitFor();
    await show('read.md');
    await content.getByRole('heading', { name: 'Read me' }).waitFor();
    await content.getByText('☑ two').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await content.getByRole('link', { name: 'notes' }).click();
    await page.getByRole('heading', { name: 'data.csv' }).waitFor();
    await page.goBack();
    await content.getByRole('heading', { name: 'Read me' }).waitFor();
    await show('long.md');
    await content.getByText('The first 512 KiB; Source shows all.').waitFor();
    await show('some.bin');
    await content.getByText('00 01 02 ff').waitFor();
    await content
      .getByText('3d1f57c984978ef98a18378c8166c1cb8ede02c03eeb6aee7e2f121dfeee3e56')
      .waitFor();
    await show('wrong.pdf');
    await content.locator('code').getByText('this is text').waitFor();
    await show('doc.pdf');
    await content.locator('iframe').waitFor();
    await show('sound.wav');
    const sound = content.locator('audio');
    await expect.poll(() => sound.evaluate((element) => Reflect.get(element, 'duration'))).toBe(10);
    const address = (await sound.getAttribute('src')) ?? '';
    const part = await context.request.get(address, { headers: { Range: 'bytes=0-3' } });
    expect([part.status(), await part.text()]).toEqual([206, 'RIFF']);
    expect(part.headers()['content-range']).toBe('bytes 0-3/80044');

    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await content.getByText('b7').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await faultsOf(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.getByRole('button', { name: 'Pictures' }).click();
    await content.getByText('7 pictures').waitFor();
    const pictures = content.locator('.gallery img');
    const widths = (): Promise<number[]> =>
      pictures.evaluateAll((all) => all.map((image) => Reflect.get(image, 'naturalWidth')));
    await expect.poll(widths).toEqual([64, 64, 64, 64, 64, 5, 5]);
    expect(await faultsOf(page)).toEqual([]);
    await content.getByText('pictures/a.webp').click();
    await page.getByRole('button', { name: 'Next picture' }).click();
    await page.getByRole('heading', { name: 'pictures/v9.svg' }).waitFor();

    // In the dark, in the timeline, and as wide as a phone.
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Timeline' }).click();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole('button', { name: 'Help' }).click();
    await page.getByRole('dialog').getByText('filter the tasks').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Timeline' }).click();
    await page.setViewportSize({ width: 360, height: 640 });
    for (const screen of ['task', 'list']) {
      expect(await faultsOf(page), screen).toEqual([]);
      const scrollWidth = await page.evaluate('document.documentElement.scrollWidth');
      expect(scrollWidth, screen).toBeLessThanOrEqual(360);
      if (screen === 'task') await page.getByRole('button', { name: 'Back' }).click();
    }
    await page.locator('#task-broken').click();
    await page.getByRole('heading', { name: 'broken' }).waitFor();
    expect(requests.filter((asked) => /^http(?!:\/\/127\.0\.0\.1:)/.test(asked))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('plays video, leads through long texts, and does without sharp', {
    timeout: 120_000,
  }, async () => {
    const cli = newCli({ main: withoutSharp() });
    const files = join(cli.base, 'files');
    mkdirSync(files);
    const recorder = await visit('about:blank');
    const video = await recorder.page.evaluate<string>(RECORD_VIDEO);
    writeFileSync(join(files, 'film.webm'), Buffer.from(video, 'base64'));
    writeFileSync(join(files, 'p.png'), await picture(64, 48));
    const line = (at: number): string => `${String(at).padStart(8, '0')} ${'x'.repeat(90)}`;
    const long = Array.from({ length: 100_000 }, (_, at) => line(at));
    writeFileSync(join(files, 'long.txt'), `${long.join('\n')}\n`);
    const copies = `cp ${files}/* "$TASKFS_ARTIFACTS"; cat ${files}/long.txt`;
    expect((await cli.run('run', '--name', 't', '--', 'sh', '-c', copies)).code).toBe(0);

    const { page, context, complaints } = await visit(await startUi(cli));
    const content = page.locator('.content');
    const button = (name: string) => content.getByRole('button', { name, exact: true });
    const show = (name: string) => page.getByRole('treeitem').getByText(name).click();
    const firstLine = (at: number) => content.locator('code').first().getByText(line(at)).waitFor();
    await page.locator('#task-t').click();
    const played = page.waitForResponse((response) => response.url().includes('/t/film.webm'));
    await show('film.webm');
    expect((await played).status()).toBe(206);
    const width = () =>
      content.locator('video').evaluate((film) => Reflect.get(film, 'videoWidth'));
    await expect.poll(width, { timeout: 15_000 }).toBe(160);
    const address = (await content.locator('video').getAttribute('src')) ?? '';
    const part = await context.request.get(address, { headers: { Range: 'bytes=0-3' } });
    expect([part.status(), (await part.body()).toString('hex')]).toEqual([206, '1a45dfa3']);

    await show('long.txt');
    await content.getByText('0 B to 4.0 MiB of 9.5 MiB').waitFor();
    await button('Later').click();
    await firstLine(41_943);
    await content.getByLabel('Search in long.txt').fill('00099999');
    await content.getByText('nothing').waitFor();
    await button('Search on').click();
    await content.getByText('1 of 1 lines').waitFor();
    await content.locator('.match').getByText(line(99_999)).waitFor();
    await content.getByLabel('Position in the text').fill('1000050');
    await firstLine(10_001);
    expect(await faultsOf(page)).toEqual([]);
    await button('Beginning').click();
    await firstLine(0);
    await button('End').click();
    await content.getByText(line(99_999)).waitFor();
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await content.getByText(line(99_999)).waitFor();
    await button('Beginning').click();
    await firstLine(0);

    await page.getByRole('button', { name: 'Pictures' }).click();
    await content.getByText('Thumbnails need the package sharp').waitFor();
    const whole = () =>
      content.locator('.gallery img').evaluate((image) => Reflect.get(image, 'naturalWidth'));
    await expect.poll(whole).toBe(64);
    const { code, stdout } = await cli.run('preview', 't', 'p.png');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('sharp') });
    const refused = await cli.run('preview', 't', 'p.png', '--out', join(cli.base, 'o.png'));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('sharp') });
    expect(complaints).toEqual([]);
  });
});
