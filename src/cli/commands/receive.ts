import {
  copySharedTask,
  handedOn,
  handOn,
  openSharedTask,
  type UnlockedArchive,
  unlockSharedTask,
} from '../../artifacts/index.ts';
import { receivingTask } from '../../runner/index.ts';
import { absoluteTextPath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { ownCommand, runCopyingTask } from '../copying-task.ts';
import { EXIT } from '../exit-code.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openOrMakeStore } from '../open-store.ts';
import { print, say } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs receive build.taskfs --signer HASH', 'A task of your own with the same files'],
    ['taskfs receive build.taskfs --to ./plain', 'Only decrypt them'],
  ],
  about:
    "Opens a file of 'taskfs share' with the identity of the store, or the one that is " +
    'named. Its signature is checked with the key that comes with it; --signer says which ' +
    'key that must be. The files are sealed again as a task of this store, with the label ' +
    'shared-by.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('file', { type: 'string', demandOption: true, describe: 'A shared task' })
      .option('name', {
        type: 'string',
        requiresArg: true,
        describe: 'The task’s name here; else the one that it has there, if it is free',
      })
      .option('signer', {
        type: 'string',
        requiresArg: true,
        describe: 'The key that it must be signed by: its hash, or a file',
      })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: 'Decrypt into this new or empty directory, and seal nothing',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const { signer, to, json } = options;
    const handed = handedOn();
    if (handed && to !== undefined) return decrypt(handed, to);
    const file = absoluteTextPath(options.file, 'the file');
    using shared = await openSharedTask(file, signer);
    const { seal } = shared;
    const store = await openOrMakeStore(options);
    const unlocked = await unlockSharedTask(shared, await findIdentities(store, options));
    if (signer === undefined) say(`Signed by ${seal.signer}, whoever that is.`);
    if (seal.leftOutCount) {
      say(`Not sealed there, by --artifact or --exclude: ${seal.leftOutCount}.`);
    }
    if (to !== undefined) return await decrypt(unlocked, to);
    const secrets = handOn(unlocked);
    const how = { name: options.name, env: Object.keys(secrets) };
    const received = receivingTask(store, shared, ownCommand('receive', file), how);
    return await runCopyingTask(store, received, { secrets, isShown: false, json });
  },
});

async function decrypt(unlocked: UnlockedArchive, directory: string): Promise<number> {
  await copySharedTask(unlocked, directory, print);
  return EXIT.ok;
}
