import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { say } from './output.ts';

/** Asks on the terminal for the passphrase of a file, showing nothing of it; undefined where there is no terminal. */
export async function askPassphrase(path: string): Promise<string | undefined> {
  return askHidden(`Passphrase of ${path}: `);
}

/** Asks for a line that is not shown. */
export async function askHidden(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    say('');
  }
}
