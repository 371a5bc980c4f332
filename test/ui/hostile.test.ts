import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWithBrowser, startUi, useBrowser, visit } from '../support/browser.ts';
import { newCli } from '../support/cli.ts';
import { picture } from '../support/media.ts';

/** What shows that a script of a task ran somewhere. */
const RUN = "document.title = 'RAN'; if (document.body) document.body.textContent = 'RAN';";
const SCRIPT = `<script>${RUN}</script><img src=x onerror="${RUN}">`;
const ELSEWHERE =
  '<img src="http://elsewhere.example/i.png"><link rel="preconnect" href="//elsewhere.example">';
const SVG =
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="${RUN}">` +
  `<script>${RUN}</script></svg>`;

const NOTEBOOK = {
  nbformat: 4,
  cells: [
    { cell_type: 'markdown', source: ['notebook text ', SCRIPT] },
    {
      cell_type: 'code',
      source: SCRIPT,
      outputs: [
        { data: { 'text/html': [SCRIPT, ELSEWHERE, '<b>kept output</b>'] } },
        { data: { 'image/svg+xml': SVG } },
        { data: { 'application/javascript': RUN, 'text/plain': RUN } },
      ],
    },
  ],
};

const NAMES = [
  '<img src=x onerror=alert(1)>.txt',
  '"><script>alert(1)<',
  'a\nb\u202Etxt',
  "'%2e%2e'",
  '#?&=.txt',
];

describeWithBrowser('what tasks write', () => {
  useBrowser();

  it('cannot act on the page, reach out of the task, or reach elsewhere', {
    timeout: 120_000,
  }, async () => {
    const cli = newCli();
    await cli.run(
      'run',
      '-d',
      '--name',
      'evil',
      '--',
      'sh',
      '-c',
      `printf '%s\\033]0;RAN\\007\\033[2Jlog ${'<b>bold</b>'}\\n' ''; ` +
        `exec sleep 600 # ${SCRIPT.replaceAll("'", '"')}`,
    );
    await cli.run(
      'run',
      '--name',
      'other',
      '--',
      'sh',
      '-c',
      'echo private > "$TASKFS_ARTIFACTS/o.txt"',
    );
    const staging = join(cli.store, 'staging/evil');
    const put = (name: string | Buffer, content: string | Buffer): void =>
      writeFileSync(Buffer.concat([Buffer.from(`${staging}/`), Buffer.from(name)]), content);
    for (const name of NAMES) put(name, `content of ${JSON.stringify(name)}`);
    put(Buffer.from('\xff\xfe.bin', 'latin1'), Buffer.from([0, 1, 2, 3]));
    put('p.png', await picture(20, 10));
    put('q.png', await picture(20, 10));
    put(
      'evil.html',
      '<!doctype html><meta http-equiv="refresh" content="0;url=http://elsewhere.example/">' +
        `${ELSEWHERE}<img src="q.png"><p>page text</p>${SCRIPT}`,
    );
    put('evil.svg', SVG);
    put(
      'evil.md',
      `# markdown text\n\n${SCRIPT}\n\n` +
        '[link](javascript:alert(1)) ![x](http://elsewhere.example/m.png) ![p](p.png)\n\n' +
        '<form action="http://elsewhere.example/"><button>b</button></form>' +
        '<a href="o.txt" id="app" style="position:fixed">here</a>',
    );
    put('evil.ipynb', JSON.stringify(NOTEBOOK));
    put('evil.csv', `a,b\n"${'<b>x</b>'}",${'<script>'}\n`);
    put('evil.json', JSON.stringify({ [SCRIPT]: SCRIPT }));
    symlinkSync('/etc/passwd', join(staging, 'passwd'));
    symlinkSync('../../keys/identity.txt', join(staging, 'keys'));
    mkdirSync(join(staging, 'dir'));
    symlinkSync('../..', join(staging, 'dir/up'));
    symlinkSync('p.png', join(staging, 'inside.png'));

    const url = await startUi(cli);
    const { page, context, requests } = await visit(url);
    page.on('dialog', () => requests.push('a dialog was opened'));
    await page.locator('#task-evil').click();
    const row = (name: string) =>
      page
        .getByRole('treeitem')
        .filter({ has: page.locator('.name').getByText(name, { exact: true }) });
    const show = async (name: string, text: string): Promise<void> => {
      await row(name).click();
      await page.locator('.content').getByText(text).first().waitFor();
    };
    const shown = [
      '<img src=x onerror=alert(1)>.txt',
      '"><script>alert(1)<',
      'a\\nb\\u{202e}txt',
      "'%2e%2e'",
      '#?&=.txt',
    ];
    for (const [index, name] of shown.entries()) {
      await show(name, `content of ${JSON.stringify(NAMES[index])}`);
    }
    await show('\\xff\\xfe.bin', '00 01 02 03');
    await show('evil.md', 'markdown text');
    expect(
      await page.locator('.prose :is(script, form, button, [onerror], [style], [id])').count(),
    ).toBe(0);
    expect(await page.locator('.prose a[href^=javascript]').count()).toBe(0);
    await page.locator('.prose img[src$="/evil/p.png"]').waitFor();
    await show('evil.ipynb', 'kept output');
    await show('evil.csv', '<b>x</b>');
    await show('evil.json', SCRIPT.slice(8, 20));
    await row('evil.svg').click();
    await page.getByText('9 × 9').waitFor();
    const loaded = context.waitForEvent('response', (response) =>
      /evil\/q\.png$/.test(response.url()),
    );
    await row('evil.html').click();
    expect((await loaded).status()).toBe(200);
    await page.frameLocator('iframe').getByText('page text').waitFor();
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await page.getByText('log <b>bold</b>').waitFor();
    for (const name of ['passwd', 'keys']) await show(name, 'which is not a file of the task');
    expect(await page.locator('body').textContent()).not.toContain('root:');
    await show('inside.png', '20 × 10');

    // In a tab of their own they can do no more, and one task's address opens no other's.
    const [html = ''] = requests.filter((asked) => asked.includes('/evil/evil.html'));
    for (const file of ['evil.html', 'evil.svg', 'evil.md']) {
      const tab = await context.newPage();
      const response = await tab.goto(html.replace(/evil\.html.*/, file));
      expect(response?.headers()['content-security-policy']).toMatch(
        /^sandbox; default-src 'none'/,
      );
      expect(response?.headers()['x-content-type-options']).toBe('nosniff');
      expect(await tab.title()).not.toBe('RAN');
      await tab.close();
    }
    const status = async (path: string): Promise<number> =>
      (await context.request.get(html.replace(/evil\/evil\.html.*/, path))).status();
    expect(await status('evil/p.png')).toBe(200);
    expect(await status('other/o.txt')).toBe(403);
    for (const path of [
      'passwd',
      'keys',
      'dir/up/other/o.txt',
      '..%2Fother%2Fo.txt',
      '%2e%2e%2fx',
    ]) {
      expect([400, 404], path).toContain(await status(`evil/${path}`));
    }
    expect(await page.title()).toBe('evil · taskfs');
    expect(
      requests.filter(
        (asked) => !asked.startsWith('http://127.0.0.1:') && !asked.startsWith('data:'),
      ),
    ).toEqual([]);
  });

  it('leaves nothing decrypted on the disk, and shows nothing without the key', async () => {
    const cli = newCli();
    const marker = 'MARKER-OF-A-SECRET-9137';
    await cli.run(
      'run',
      '--name',
      'done',
      '--',
      'sh',
      '-c',
      `cd "$TASKFS_ARTIFACTS"; echo ${marker.slice(0, 9)}${'""'}${marker.slice(9)} | tee a.txt`,
    );
    const { page } = await visit(await startUi(cli));
    await page.locator('#task-done').click();
    await page.getByRole('treeitem').click();
    await page.locator('code').getByText(marker).waitFor();
    await page.getByRole('button', { name: 'Log', exact: true }).click();
    await page.locator('code').getByText(marker).waitFor();
    const { stdout } = await cli.script(
      `grep -rlaF ${marker} . /tmp/playwright_chromiumdev_profile*; true`,
    );
    expect(stdout).toBe('');

    const { stdout: key } = await cli.script('age-keygen -o other.txt; cat other.txt');
    expect(key).toContain('AGE-SECRET-KEY-');
    const locked = await visit(await startUi(cli, '--identity', join(cli.base, 'other.txt')));
    await locked.page.locator('#task-done').click();
    await locked.page.getByText('The archive does not open').waitFor();
    expect(readFileSync(join(cli.store, 'tasks/done/task.json'), 'utf8')).toContain('sealed');
  });
});
