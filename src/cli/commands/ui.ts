import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindIdentities } from '../../artifacts/index.ts';
import { messageOf, TaskfsError } from '../../errors.ts';
import { unignoredSignals } from '../../process/index.ts';
import { isProtected, type Store } from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printLine, say } from '../output.ts';
import { startProgram } from '../run-external.ts';
import { parseCount } from '../units.ts';

/** The last port that has a next one. */
const MAX_PORT = 65_534;

export const command = defineCommand({
  examples: [
    ['taskfs ui', 'Show all tasks and their files in the browser'],
    ['taskfs ui --no-open --port 8200', 'Print the address only, for a browser behind ssh -L'],
  ],
  about:
    'Serves one page on this machine until Ctrl-C, and prints its address: whoever has that may ' +
    'do all that the page can. Two ports in a row are used, the second for what tasks wrote.',
  build: (parser) =>
    addIdentityOptions(parser)
      .option('port', {
        type: 'string',
        requiresArg: true,
        describe: 'The port of the page, and the next one; else any that are free',
      })
      .option('open', { type: 'boolean', default: true, describe: 'Open the browser' })
      .option('listen', {
        type: 'string',
        requiresArg: true,
        default: '127.0.0.1',
        describe: 'The IP address to listen on; beyond loopback only with TLS',
      })
      .option('tls-cert', {
        type: 'string',
        requiresArg: true,
        describe: 'A certificate for the names that browsers ask for, with its chain, in PEM',
      })
      .option('tls-key', { type: 'string', requiresArg: true, describe: 'Its key, in PEM' })
      .implies({ 'tls-cert': 'tls-key', 'tls-key': 'tls-cert' }),
  run: async ({ options }) => {
    const store = await openOrMakeStore(options);
    const port = options.port === undefined ? 0 : parseCount('--port', options.port, 1, MAX_PORT);
    const tls = readTls(options['tls-cert'], options['tls-key']);
    const identities = await identitiesFor(store, options);
    const { serveUi } = await import('../../ui/index.ts');
    await using ui = await serveUi(store, identities, { address: options.listen, port, tls });
    await printLine(ui.url);
    using _ = options.open ? openBrowser(ui.url) : undefined;
    const signals = unignoredSignals(['SIGINT', 'SIGTERM', 'SIGHUP']);
    await Promise.race(signals.map((signal) => once(process, signal)));
    return 0;
  },
});

function readTls(cert: string | undefined, key: string | undefined) {
  if (cert === undefined || key === undefined) return undefined;
  try {
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } catch (cause) {
    throw new TaskfsError('usage', `the TLS files cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** A passphrase is asked for once, at the start; else keys are read when they are needed. */
async function identitiesFor(store: Store, options: IdentityOptions): Promise<FindIdentities> {
  const isNamed = options.identity !== undefined || options['identity-cmd'] !== undefined;
  if (!isNamed && !isProtected(store)) return () => findIdentities(store, options);
  const identities = await findIdentities(store, options);
  return async () => identities;
}

/**
 * Opens the desktop's browser, which need not be there. Every user of the machine sees what
 * programs are called with, so the browser gets a file that leads to the address, which only its
 * owner reads. What it prints about itself would hide the address.
 */
function openBrowser(url: string): Disposable {
  const directory = mkdtempSync(join(process.env.XDG_RUNTIME_DIR || tmpdir(), 'taskfs-ui-'));
  const file = join(directory, 'open.html');
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${url}">\n`, {
    mode: 0o600,
  });
  const { ended } = startProgram('sh', ['-c', 'exec xdg-open "$0" > /dev/null 2>&1', file]);
  ended.then(({ exitCode }) => {
    if (exitCode !== 0) say('No browser could be opened: open the address yourself.');
  });
  return { [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}
