import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { TaskfsError } from '../errors.ts';
import { say } from './output.ts';

/**
 * Asks on the terminal for the passphrase of a file, showing nothing of it; undefined where there
 * is no terminal.
 */
export async function askPassphrase(path: string): Promise<string | undefined> {
  return askHidden(`Passphrase of ${path}: `);
}

/**
 * Asks for a line that is not shown; undefined where there is no terminal, or its end was typed
 * (Ctrl-D).
 */
async function askHidden(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  let isInterrupted = false;
  try {
    return await new Promise<string | undefined>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
      lines.once('SIGINT', () => {
        isInterrupted = true;
        lines.close();
      });
    });
  } finally {
    lines.close();
    say('');
    // The terminal is as it was: now it ends as Ctrl-C ends any program.
    if (isInterrupted) process.kill(process.pid, 'SIGINT');
  }
}

/**
 * Asks twice for a new passphrase. Throws `usage` where there is no terminal, or the two differ.
 */
export async function choosePassphrase(): Promise<string> {
  const first = await askHidden('Passphrase: ');
  if (first === undefined) {
    throw new TaskfsError('usage', 'a passphrase can only be asked for on a terminal', {
      hint: 'Standard input must be one.',
    });
  }
  if (first === '') throw new TaskfsError('usage', 'an empty passphrase protects nothing');
  if (first === (await askHidden('Once more: '))) return first;
  throw new TaskfsError('usage', 'the two passphrases differ', { hint: 'Nothing was changed.' });
}
