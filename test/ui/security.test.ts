import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { describeWithBrowser, startUi, useBrowser, visit } from '../support/browser.ts';
import { newCli } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** A request as any program may make it, with whatever headers it likes. */
async function ask(
  url: string | URL,
  headers: Readonly<Record<string, string>> = {},
  { method = 'GET', body = '' } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, async (response) => {
      const { statusCode = 0, headers: received } = response;
      resolve({ status: statusCode, headers: received, body: await text(response) });
    });
    sent.once('error', reject).end(body);
  });
}

describeWithBrowser('who may use the page', () => {
  useBrowser();

  it('asks for the token once, and for its own name and origin always', async () => {
    const cli = newCli();
    await cli.run(
      'run',
      '--name',
      'build',
      '--',
      'sh',
      '-c',
      'echo secret > "$TASKFS_ARTIFACTS/a.txt"',
    );
    const url = new URL(await startUi(cli));
    const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? '';
    expect(token).toMatch(/^[\w-]{43}$/);
    const { origin } = url;
    const session = new URL('session', url);
    const content = new URL('api/tasks/build/content?file=a.txt', url);
    const enter = (headers: Record<string, string>, body = token) =>
      ask(session, headers, { method: 'POST', body });

    expect((await enter({ origin }, `${token.slice(0, -1)}!`)).status).toBe(401);
    expect((await enter({})).status).toBe(403);
    expect((await enter({ origin: 'http://evil.example' })).status).toBe(403);
    expect((await enter({ origin: 'null' })).status).toBe(403);
    expect((await enter({ origin, host: 'evil.example' })).status).toBe(421);
    const entered = await enter({ origin });
    expect(entered.status).toBe(200);
    const [cookie = ''] = entered.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(
      new RegExp(`; Path=${url.pathname.slice(0, -1)}; HttpOnly; SameSite=Strict$`),
    );
    const mine = { cookie: cookie.replace(/;.*/, '') };

    expect((await ask(content)).status).toBe(401);
    expect((await ask(content, { cookie: 'taskfs=guess' })).status).toBe(401);
    expect((await ask(content, { ...mine, 'sec-fetch-site': 'cross-site' })).status).toBe(401);
    expect((await ask(content, { ...mine, host: `evil.example:${url.port}` })).status).toBe(421);
    expect((await ask(content, { ...mine, origin: 'http://evil.example' })).status).toBe(403);
    const read = await ask(content, mine);
    expect(read).toMatchObject({ status: 200, body: 'secret\n' });
    const body = Buffer.alloc(17 * 1024 * 1024, 'x').toString();
    const tooLarge = await ask(content, { ...mine, origin }, { method: 'PUT', body });
    expect(tooLarge).toMatchObject({ status: 413, body: expect.stringContaining('16 MiB') });
    expect(read.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    const remove = await ask(new URL('api/tasks/build', url), mine, { method: 'DELETE' });
    expect(remove.status).toBe(403);
    expect((await ask(new URL('/', url))).status).toBe(404);

    for (const file of [
      '..%2Fb',
      '%2Fetc%2Fpasswd',
      '..%2F..%2Fkeys%2Fidentity.txt',
      '%2500',
      '%25',
    ]) {
      const answer = await ask(new URL(`api/tasks/build/content?file=${file}`, url), mine);
      expect([400, 404], file).toContain(answer.status);
    }
    expect((await ask(new URL('api/tasks/..%2F..%2Fkeys/facts?file=', url), mine)).status).toBe(
      400,
    );
  });

  it('opens the desktop’s browser by a file that nobody else may read', async () => {
    const bin = temporaryDirectory();
    const opened = join(bin, 'opened');
    const script =
      `#!/bin/sh\n{ stat -c %a "$1"; cat "$1"; } > ${opened}.new; ` +
      `mv ${opened}.new ${opened}\n`;
    writeFileSync(join(bin, 'xdg-open'), script, { mode: 0o755 });
    const cli = newCli({ env: { PATH: `${bin}:${process.env.PATH}` } });
    const { code, stderr } = await cli.run('ui', '--port', '65535');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('to 65534'),
    });
    const url = await startUi(cli, '--open');
    const text = await until(
      'the browser was opened',
      () => existsSync(opened) && readFileSync(opened, 'utf8'),
    );
    expect(text).toBe(`600\n<!doctype html><meta http-equiv="refresh" content="0; url=${url}">\n`);
  });

  it('shows nothing to a browser without the token', async () => {
    // From the sources, which build the page when it is first served.
    const sources = newCli({ main: join(import.meta.dirname, '../../src/cli/main.ts') });
    const url = new URL(await startUi(sources));
    const { page, context, requests } = await visit(`${url.origin}${url.pathname}`);
    await page.getByText('without a valid token').waitFor();
    await page.goto(url.href);
    await page.reload();
    await page.getByText('No tasks yet').waitFor();
    expect(page.url()).not.toContain('token');
    expect(await context.cookies()).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }]);
    expect(requests.filter((asked) => !asked.startsWith(url.origin))).toEqual([]);
  });

  it('listens beyond loopback only with TLS', async () => {
    const cli = newCli();
    const plain = await cli.run('ui', '--no-open', '--listen', '0.0.0.0');
    expect(plain).toMatchObject({ code: 2, stdout: '' });
    expect(plain.stderr).toContain('not a loopback address');
    expect((await cli.run('ui', '--no-open', '--listen', 'here')).stderr).toContain(
      'not an IP address',
    );
    const { code } = await cli.script(
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem ' +
        '-out cert.pem -days 2 -subj /CN=t -addext subjectAltName=DNS:localhost 2>&1',
    );
    expect(code).toBe(0);
    const tls = ['--tls-cert', `${cli.base}/cert.pem`, '--tls-key', `${cli.base}/key.pem`];
    const url = await startUi(cli, '--listen', '0.0.0.0', ...tls);
    expect(url).toMatch(/^https:\/\/localhost:/);
    const { page, context } = await visit(url, { ignoreHTTPSErrors: true });
    await page.getByText('No tasks yet').waitFor();
    expect(await context.cookies()).toMatchObject([{ secure: true }]);
  });
});
