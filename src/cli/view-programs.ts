import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { decodeBytes, inheritance, rawEnvironment } from '../process/index.ts';
import type { Store, TaskName } from '../store/index.ts';
import { spawnProcess } from '../sys/index.ts';
import type { Programs } from '../tui/index.ts';
import { artifactPath } from './artifact-path.ts';
import type { IdentityOptions } from './identity-options.ts';

/** Where a verb's standard streams lead. */
type Streams = 'terminal' | 'nowhere';

/** What the terminal view asks of the command line: the verbs, each as a process of its own. */
export function viewPrograms(store: Store, identity: IdentityOptions): Programs {
  const verb = (streams: Streams, name: string, task: TaskName, path: Buffer) =>
    runVerb(streams, [name, '--store', store.path, task, `./${decodeBytes(path)}`]);
  return {
    edit: (task, path) => verb('terminal', 'edit', task, path),
    open: (task, path) => verb('nowhere', 'open', task, path),
    locate: (task, path) => artifactPath(store, task, path, identity),
  };
}

/** Runs a verb until it ends. Throws `failed` with what it said where it failed. */
async function runVerb(streams: Streams, words: readonly string[]): Promise<void> {
  using opened = new DisposableStack();
  const said = opened.adopt(openUnnamed(), closeSync);
  const nowhere = opened.adopt(openSync('/dev/null', 'r+'), closeSync);
  const [input, output] = streams === 'terminal' ? [0, 1] : [nowhere, nowhere];
  const [main = ''] = process.argv.slice(1);
  const { ended } = spawnProcess({
    file: process.execPath,
    argv: [process.execPath, ...process.execArgv, main, ...words],
    environment: rawEnvironment(),
    descriptors: new Map([
      [0, input],
      [1, output],
      [2, said],
    ]),
    newSession: false,
    ignoredSignals: [...inheritance.ignoredSignals],
  });
  const { exitCode } = await ended;
  if (exitCode !== 0) throw new TaskfsError('failed', lastWords(said) ?? `${words[0]} failed`);
}

/** A file without a name: gone when it is closed. */
function openUnnamed(): number {
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-'));
  try {
    return openSync(join(directory, 'said'), 'wx+', 0o600);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What fits on a screen. */
const MOST_WORDS = 4_096;

/** The error that a verb reported, without its name in front. */
function lastWords(said: number): string | undefined {
  // From its beginning: the verb has left the common offset at the end.
  const bytes = Buffer.alloc(MOST_WORDS);
  const length = readSync(said, bytes, 0, bytes.length, 0);
  const text = bytes.toString('utf8', 0, length).replace(/\s+/g, ' ').trim();
  const [, words] = /(?:^| )taskfs: (.*)$/.exec(text) ?? [];
  return words ?? (text === '' ? undefined : text);
}
