import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import type { Cli } from './cli.ts';

const executablePath = '/usr/bin/chromium';

/** Tests in a real browser; skipped where Debian's chromium is not installed. */
export const describeWithBrowser = existsSync(executablePath)
  ? describe
  : (name: string, _tests: () => void) => {
      describe.skip(`${name} (needs ${executablePath}: scripts/setup tests)`, () => {});
    };

let browser: Browser | undefined;

/** One browser for all tests of a file. */
export function useBrowser(): void {
  beforeAll(async () => {
    // A browser's own sandbox needs a user that is not root.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());
}

/** A server of the page as a user starts it, until the test ends. Returns its address. */
export const startUi = async (cli: Cli, ...args: string[]): Promise<string> =>
  (await startUiServer(cli, ...args)).url;

/** The same, to be ended sooner. */
export async function startUiServer(
  cli: Cli,
  ...args: string[]
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const server = cli.start('ui', '--no-open', ...args);
  const ended = once(server, 'exit');
  let complaints = '';
  server.stderr.on('data', (data) => {
    complaints += data;
  });
  const stop = async (): Promise<void> => {
    server.kill('SIGINT');
    await ended;
  };
  onTestFinished(stop);
  for await (const url of createInterface(server.stdout)) return { url, stop };
  throw new Error(`taskfs ui ended: ${complaints}`);
}

/** A page in a browser profile of its own, and all that it asked for. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Addresses that the browser asked for and got an answer from. */
  readonly requests: string[];
  /** Errors of scripts, and what the page's policy forbade. */
  readonly complaints: string[];
}

export async function visit(
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Visit> {
  if (!browser) throw new Error('useBrowser was not called');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const [requests, complaints]: [string[], string[]] = [[], []];
  context.on('response', (response) => requests.push(response.url()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.setDefaultTimeout(15_000);
  await page.goto(url);
  return { page, context, requests, complaints };
}
