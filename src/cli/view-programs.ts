import { TaskfsError } from '../errors.ts';
import { decodeBytes } from '../process/index.ts';
import type { Store, TaskName } from '../store/index.ts';
import type { Programs } from '../tui/index.ts';
import { artifactPath } from './artifact-path.ts';
import type { IdentityOptions } from './identity-options.ts';
import { startVerb, type VerbStreams } from './own-verb.ts';

/** What the terminal view asks of the command line: the verbs, each as a process of its own. */
export function viewPrograms(store: Store, identity: IdentityOptions): Programs {
  const verb = (main: VerbStreams['main'], name: string, task: TaskName, path: Buffer) =>
    runVerb(main, [name, '--store', store.path, task, `./${decodeBytes(path)}`]);
  return {
    edit: (task, path) => verb('terminal', 'edit', task, path),
    open: (task, path) => verb('kept', 'open', task, path),
    locate: (task, path) => artifactPath(store, task, path, identity),
  };
}

/** Runs a verb until it ends. Throws `failed` with what it said where it failed. */
async function runVerb(main: VerbStreams['main'], words: readonly string[]): Promise<void> {
  using verb = startVerb(words, { main, errors: 'kept', staysAlive: false });
  const { exitCode } = await verb.ended;
  if (exitCode !== 0) throw new TaskfsError('failed', errorIn(verb.said()) ?? `${words[0]} failed`);
}

/** The error that a verb reported, without its name in front. */
function errorIn(said: string): string | undefined {
  const text = said.replace(/\s+/g, ' ').trim();
  const [, words] = /(?:^| )taskfs: (.*)$/.exec(text) ?? [];
  return words ?? (text === '' ? undefined : text);
}
