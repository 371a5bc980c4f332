import { createWriteStream, existsSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { TaskfsError } from '../../errors.ts';
import { absoluteTextPath, loadVerifyingKey, parseRecipient } from '../../store/index.ts';
import { addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print, printLine, say } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs share build --to age1…', 'One file, build.taskfs, that only they can open'],
    ['taskfs share build --to age1… --out - | ssh host tee build.taskfs', 'As a stream'],
  ],
  about:
    "They can open it, and nothing else of the store, with 'taskfs receive' or with age and " +
    'tar alone (docs/format.md). Give them the printed signer over another channel: it ' +
    'shows that the file comes from you.',
  build: (parser) =>
    addTask(addIdentityOptions(parser), 'a sealed task')
      .option('to', {
        type: 'string',
        array: true,
        nargs: 1,
        demandOption: true,
        describe: "Who can open it: age1… or 'ssh-ed25519 AAAA…'",
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'The file; else TASK.taskfs here; - is standard output',
      }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { task } = options;
    const { assertShareable, writeShare } = await import('../../archive/share/index.ts');
    assertShareable(store, task);
    const recipients = await Promise.all(options.to.map(parseRecipient));
    const { signerOf } = await import('../../archive/index.ts');
    const identities = await findIdentities(store, options);
    const pieces = writeShare(store, task, identities, recipients);
    const out = options.out ?? `${task}.taskfs`;
    if (out === '-') for await (const piece of pieces) await print(piece);
    else await writeTo(absoluteTextPath(out, 'the file'), pieces);
    if (out !== '-') await printLine(out);
    say(`Signed by ${signerOf(loadVerifyingKey(store))}.`);
    return 0;
  },
});

async function writeTo(path: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  if (existsSync(path)) {
    throw new TaskfsError('usage', `${path} exists already`, {
      hint: 'Name another file with --out, or remove that one.',
    });
  }
  try {
    await pipeline(pieces, createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(path, { force: true });
    throw error;
  }
}
