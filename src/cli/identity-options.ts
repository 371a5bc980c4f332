import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Argv } from 'yargs';
import { isSshIdentity } from '../age/index.ts';
import { complaintOf, TaskfsError } from '../errors.ts';
import { loadIdentities, loadOwnIdentities, type Store } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { askPassphrase } from './passphrase.ts';

/** Where the identities that open archives come from. */
export interface IdentityOptions {
  readonly identity: string | undefined;
  readonly 'identity-cmd': string | undefined;
}

/** Adds the options of every verb that reads archives. */
export function addIdentityOptions(parser: Argv<object>): Argv<IdentityOptions> {
  return parser
    .option('identity', {
      type: 'string',
      requiresArg: true,
      describe:
        'A file with age identities, or an SSH key; else $TASKFS_IDENTITY, else the store’s own',
    })
    .option('identity-cmd', {
      type: 'string',
      requiresArg: true,
      describe: 'A shell command that prints them, such as a password manager’s',
    })
    .conflicts('identity', 'identity-cmd')
    .group(['identity', 'identity-cmd'], 'Keys:');
}

/** The age identities to open archives with. Throws `wrong-key`, `not-found`, `failed`. */
export async function findIdentities(store: Store, options: IdentityOptions): Promise<string[]> {
  keepMemoryPrivate();
  const command = options['identity-cmd'];
  if (command !== undefined) return identitiesFrom(command);
  return loadIdentities(store, { file: options.identity, passphrase: askPassphrase });
}

/**
 * The identities of the store itself, and those that were named besides: for whoever replaces the
 * store's own. Throws as `findIdentities`.
 */
export async function findOwnAndOthers(
  store: Store,
  options: IdentityOptions,
): Promise<{ readonly own: readonly string[]; readonly others: readonly string[] }> {
  keepMemoryPrivate();
  const own = await loadOwnIdentities(store, askPassphrase);
  const { identity, 'identity-cmd': command } = options;
  const isNamed = (identity ?? command ?? process.env.TASKFS_IDENTITY) !== undefined;
  return { own, others: isNamed ? await findIdentities(store, options) : [] };
}

async function identitiesFrom(command: string): Promise<string[]> {
  const output = await outputOf(command);
  if (isSshIdentity(output)) return [output];
  const lines = output.split('\n').map((line) => line.trim());
  const identities = lines.filter((line) => line.startsWith('AGE-SECRET-KEY-'));
  if (identities.length > 0) return identities;
  throw new TaskfsError('wrong-key', 'the command of --identity-cmd printed no age identity', {
    hint: 'It must print a line that begins with AGE-SECRET-KEY-.',
  });
}

async function outputOf(command: string): Promise<string> {
  try {
    return (await promisify(execFile)('sh', ['-c', command])).stdout;
  } catch (cause) {
    throw new TaskfsError(
      'wrong-key',
      `the command of --identity-cmd failed: ${complaintOf(cause)}`,
      {
        cause,
      },
    );
  }
}
