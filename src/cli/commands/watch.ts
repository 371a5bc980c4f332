import { TaskfsError } from '../../errors.ts';
import { decodeBytes } from '../../process/index.ts';
import { loadIdentities, type Store, type TaskName } from '../../store/index.ts';
import type { Programs } from '../../tui/index.ts';
import { describeEvent, watchEvents } from '../../watch/index.ts';
import { addTaskOrAll, json } from '../arguments.ts';
import { artifactPath } from '../artifact-path.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJsonLine, printLine, whileRead } from '../output.ts';
import { startVerb, type VerbStreams } from '../verb-process.ts';

export const command = defineCommand({
  examples: [
    ['taskfs watch', 'The tasks, and the files of the chosen one; ? shows the keys, q quits'],
    ['taskfs watch build', 'The files of one task'],
    ['taskfs watch build --json', 'Its events, one JSON object per line, until it has ended'],
  ],
  about: 'Where standard output is no terminal, events are printed as lines instead of the view.',
  build: (parser) =>
    addTaskOrAll(addIdentityOptions(parser)).option('json', json('one JSON object per line')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    const { stdin: input, stdout: output } = process;
    const isNamed = (options.identity ?? options['identity-cmd']) !== undefined;
    // Before the view has the terminal: a passphrase may have to be asked for.
    const named = isNamed ? await findIdentities(store, options) : undefined;
    const find = async () => named ?? (await loadIdentities(store));
    if (!options.json && input.isTTY && output.isTTY) {
      const { showTasks } = await import('../../tui/index.ts');
      const { capabilitiesOf } = await import('../../terminal/index.ts');
      const terminal = { input, output, capabilities: capabilitiesOf(output, process.env) };
      await showTasks(store, task, find, terminal, viewPrograms(store, options));
      return 0;
    }
    await whileRead(async () => {
      for await (const event of watchEvents(store, task, { findIdentities: find })) {
        await (options.json ? printJsonLine(event) : printLine(describeEvent(event)));
      }
    });
    return 0;
  },
});

/** What the terminal view asks of the command line: the verbs, each as a process of its own. */
function viewPrograms(store: Store, identity: IdentityOptions): Programs {
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
