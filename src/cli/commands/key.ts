import type { Rewrapped } from '../../archive/maintain/index.ts';
import {
  addRecipient,
  addTaskRecipient,
  removeRecipient,
  removeTaskRecipient,
  replaceRecovery,
  rotateOwner,
} from '../../archive/maintain/index.ts';
import { TaskfsError } from '../../errors.ts';
import {
  isProtected,
  listRecipients,
  listTaskRecipients,
  parseTaskName,
  readRecord,
  type Store,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { json as jsonOption } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { addIdentityOptions, findIdentities, findOwnAndOthers } from '../identity-options.ts';
import { openStoreOf, showRecovery } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { choosePassphrase } from '../passphrase.ts';
import { ProgressLine } from '../progress.ts';
import { table } from '../styled-text.ts';

const ACTIONS = ['show', 'add', 'remove', 'rotate', 'recovery'] as const;

export const command = defineCommand({
  examples: [
    ['taskfs key show', 'Who can open the archives'],
    ['taskfs key add age1… --label backup', 'Let somebody else open them too, old and new'],
    ['taskfs key add age1… --task build', 'Let them open the archive of one task'],
    ['taskfs key remove backup', 'Leave them out again, old archives too'],
    ['taskfs key rotate', 'A new identity for yourself'],
    ['taskfs key recovery', 'A new recovery identity, shown once on standard error'],
  ],
  about:
    'Only the small key file of each archive is rewritten, never the archive. If that is ' +
    'interrupted, the same call completes it. add and remove hold for new archives also where no ' +
    'identity opens the old ones, rotate and recovery change nothing then. Whoever could read an ' +
    'archive may have copied it.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('action', { choices: ACTIONS, default: 'show' as const, describe: 'What to do' })
      .positional('recipient', {
        type: 'string',
        describe: 'add: an age recipient, or an SSH key; remove: one, or a label',
      })
      .option('label', { type: 'string', requiresArg: true, describe: 'add: a name for it' })
      .option('task', {
        type: 'string',
        requiresArg: true,
        describe: 'show, add, remove: only for the archive of this task',
      })
      .option('passphrase', {
        type: 'boolean',
        describe: 'rotate: ask for one that protects the new identity; else as the old one was',
      })
      .option('json', jsonOption('JSON')),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { action, recipient, json } = options;
    const task = taskOf(store, options);
    if (action === 'show') return show(store, task, json);
    using progress = new ProgressLine('Wrapping keys');
    const onProgress = progress.onCount;
    if (action === 'rotate') {
      const { own, others } = await findOwnAndOthers(store, options);
      const isAsked = options.passphrase ?? isProtected(store);
      const passphrase = isAsked ? await choosePassphrase() : undefined;
      const rotation = { own, identities: others, passphrase, onProgress };
      return report(await rotateOwner(store, rotation), json);
    }
    const change = { identities: await findIdentities(store, options), onProgress };
    if (action === 'add') {
      const text = required(recipient, 'add', "an age recipient, as 'age1…'");
      const label = options.label ?? 'added';
      return report(
        task === undefined
          ? await addRecipient(store, text, label, change)
          : await addTaskRecipient(store, task, text, label, change),
        json,
      );
    }
    if (action === 'remove') {
      const name = required(recipient, 'remove', 'a recipient or its label');
      return report(
        task === undefined
          ? await removeRecipient(store, name, change)
          : await removeTaskRecipient(store, task, name, change),
        json,
      );
    }
    return report(await replaceRecovery(store, { ...change, show: showRecovery }), json);
  },
});

/** Throws `usage` where an action is about all archives, `not-found` for no task. */
function taskOf(
  store: Store,
  { action, task: name }: { readonly action: string; readonly task?: string | undefined },
): TaskName | undefined {
  if (name === undefined) return undefined;
  const task = parseTaskName(name);
  readRecord(taskPaths(store, task).record, task);
  if (action !== 'rotate' && action !== 'recovery') return task;
  throw new TaskfsError('usage', `'taskfs key ${action}' is about all archives, not one task's`, {
    hint: 'Leave --task out.',
  });
}

async function show(store: Store, task: TaskName | undefined, json: boolean): Promise<number> {
  const own = task === undefined ? [] : listTaskRecipients(store, task);
  const recipients = [...listRecipients(store), ...own];
  if (json) await printJson(recipients);
  else
    for (const line of table(recipients.map((each) => [each.label, each.recipient])))
      await printLine(line);
  return EXIT.ok;
}

function required(value: string | undefined, action: string, what: string): string {
  if (value !== undefined) return value;
  throw new TaskfsError('usage', `'taskfs key ${action}' needs ${what}`, {
    hint: "'taskfs key --help' shows how it is used.",
  });
}

/** As many archives as this are named one by one. */
const NAMED = 20;

async function report(rewrapped: Rewrapped, json: boolean): Promise<number> {
  const { failed } = rewrapped;
  if (json) await printJson(rewrapped);
  else await printLine(`${archives(rewrapped.rewrapped)} the new recipients`);
  for (const { task, message } of failed.slice(0, NAMED)) {
    say(`Failed for ${task}: ${message}`);
  }
  if (failed.length > NAMED) say(`Failed for ${failed.length - NAMED} others: --json names them`);
  if (failed.length === 0) return EXIT.ok;
  return failed.some(({ kind }) => kind === 'damaged') ? EXIT.damaged : EXIT.wrongKey;
}

const archives = (count: number): string =>
  count === 1 ? '1 archive has' : `${count} archives have`;
