import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileKeys, Seal } from '../../archive/index.ts';
import type { Unpacked } from '../../archive/share/index.ts';
import { exportTree, openArchiveTree } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { encodeText } from '../../process/index.ts';
import { absolutePath, absoluteTextPath, taskPaths } from '../../store/index.ts';
import { keepMemoryPrivate } from '../../sys/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { ownCommand, runCopyingTask } from '../copying-task.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openOrMakeStore } from '../open-store.ts';
import { print, say } from '../output.ts';

/** A shared task that was unpacked, checked and unlocked. */
interface Unlocked extends Pick<Unpacked, 'task' | 'archive'> {
  readonly keys: FileKeys;
}

/** Where the command that copies finds it, as JSON with the keys in hexadecimal. */
const UNLOCKED = 'TASKFS_UNLOCKED';

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
        describe: 'The hash of the signing key that it must be signed by',
      })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: 'Decrypt into this new or empty directory, and seal nothing',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const handed = handedOn();
    if (handed && options.to !== undefined) return decrypt(handed, options.to);
    const file = absoluteTextPath(options.file, 'the file');
    const scratch = mkdtempSync(join(tmpdir(), 'taskfs-receive-'));
    try {
      const { unlockArchive } = await import('../../archive/index.ts');
      const { unpackShare } = await import('../../archive/share/index.ts');
      const { task, archive, seal } = unpackShare(file, scratch);
      assertSigner(seal, options.signer, file);
      const store = await openOrMakeStore(options);
      const keys = await unlockArchive(archive, await findIdentities(store, options), seal);
      const unlocked = { task, archive, keys };
      if (options.signer === undefined) say(`Signed by ${seal.signer}, whoever that is.`);
      if (seal.leftOutCount) {
        say(`${seal.leftOutCount} files or directories of it were not to be sealed there.`);
      }
      if (options.to !== undefined) return await decrypt(unlocked, options.to);
      const isTaken = existsSync(taskPaths(store, task).directory);
      return await runCopyingTask(
        store,
        {
          name: options.name ?? (isTaken ? undefined : task),
          command: ownCommand('receive', file),
          labels: { 'shared-by': seal.signer, 'shared-as': task },
          secrets: { [UNLOCKED]: serialise(unlocked) },
          isShown: false,
        },
        options.json,
      );
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
});

function assertSigner({ signer }: Seal, wanted: string | undefined, file: string): void {
  if (wanted === undefined || signer === wanted) return;
  throw new TaskfsError('damaged', `${file} is signed by ${signer}, not by ${wanted}`, {
    hint: 'Somebody else made it, or the hash is of another key: ask by another way.',
  });
}

function serialise({ keys: { artifacts, index, log }, ...where }: Unlocked): string {
  const keys = [artifacts, index, log].map((key) => Buffer.from(key).toString('hex'));
  return JSON.stringify({ ...where, keys });
}

function handedOn(): Unlocked | undefined {
  const text = process.env[UNLOCKED];
  if (text === undefined) return undefined;
  keepMemoryPrivate();
  const { task, archive, keys } = JSON.parse(text);
  const [artifacts, index, log] = keys.map((key: string) => Buffer.from(key, 'hex'));
  return { task, archive, keys: { artifacts, index, log } };
}

/** Copies the files; what the task printed there, it prints here. */
async function decrypt({ task, archive, keys }: Unlocked, directory: string): Promise<number> {
  const { openArchive } = await import('../../archive/index.ts');
  const reader = openArchive(archive, keys);
  using tree = openArchiveTree(task, reader);
  using top = tree.find('', 'keep');
  exportTree(top, encodeText(absolutePath(directory)));
  const piece = Buffer.alloc(64 * 1024);
  for (let at = 0; at < reader.logSize(); ) {
    const got = reader.readLog(piece, at);
    await print(Buffer.from(piece.subarray(0, got)));
    at += got;
  }
  return 0;
}
