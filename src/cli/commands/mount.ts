import type { Argv } from 'yargs';
import { TaskfsError } from '../../errors.ts';
import { DRIVERS, GROUPINGS, type MountView } from '../../fs/index.ts';
import { prepareMountpoint } from '../../mount/index.ts';
import { closeInheritedDescriptors } from '../../process/index.ts';
import { lockWarning, recover } from '../../runner/index.ts';
import {
  LIVE_MODES,
  mountInBackground,
  type ServedMount,
  serveUntilUnmounted,
} from '../../server/index.ts';
import { notifyReady } from '../../service/index.ts';
import { isProtected, parseTaskName, type Store } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { reportError } from '../report-error.ts';
import { addSelectorOptions, type SelectorOptions, selectorOf } from '../selector-options.ts';
import { parseDuration } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs mount ~/tasks', 'Show all tasks there; returns when the mount is there'],
    ['taskfs mount --read-only ~/tasks', 'Refuse changes'],
    ['taskfs mount --foreground ~/tasks', 'Serve until Ctrl-C'],
    ['taskfs mount --since 7d --status failed ~/failed', 'Only what failed within a week'],
    ['taskfs mount --group day ~/tasks', 'Archived tasks by the day on which they ended'],
    ['taskfs mount --idle-timeout 10m ~/tasks', 'Unmount when it was not used for ten minutes'],
  ],
  about:
    'The directory must be empty; it is created if missing. Live tasks are in live/, ' +
    'read-write; archived ones in archive/, decrypted as they are read; what they printed in ' +
    'logs/.',
  build: (parser) =>
    addViewOptions(addIdentityOptions(parser))
      .positional('directory', { type: 'string', demandOption: true, describe: 'Where to mount' })
      .option('driver', {
        choices: DRIVERS,
        requiresArg: true,
        describe: 'How to serve the kernel; kernel by default',
      })
      .option('foreground', { type: 'boolean', default: false, describe: 'Serve until Ctrl-C' })
      .option('allow-other', { type: 'boolean', default: false, describe: 'Other users may enter' })
      .option('read-only', { type: 'boolean', default: false, describe: 'Refuse changes' })
      .option('nosymfollow', {
        type: 'boolean',
        default: false,
        describe: 'Follow no symlinks: for tasks that you do not trust',
      })
      .option('live', {
        choices: LIVE_MODES,
        requiresArg: true,
        describe: 'How to show live files: by the kernel itself (root), or FUSE; auto by default',
      })
      .option('notify', {
        type: 'boolean',
        default: true,
        describe: 'Let programs that watch files hear of what tasks change',
      })
      .option('shared-mmap', {
        type: 'boolean',
        default: false,
        describe: 'Let programs map live files shared for writing; the task may not see it at once',
      })
      .option('group', {
        choices: GROUPINGS,
        requiresArg: true,
        describe: 'Put the tasks of archive/ into a directory for each day on which some ended',
      })
      .option('idle-timeout', {
        type: 'string',
        requiresArg: true,
        describe: 'Unmount when nobody has used the mount for so long, as in 10m',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const view = viewOf(options);
    const store = await openOrMakeStore(options);
    await recover(store, { scope: 'unfinished', say });
    const { directory, driver, live, nosymfollow, notify, 'idle-timeout': idle } = options;
    const warning = lockWarning(store);
    if (warning !== undefined) say(`Note: ${warning}.`);
    const identities = await identitiesForServer(store, options);
    const how = {
      allowOther: options['allow-other'],
      readOnly: options['read-only'],
      nosymfollow,
      notify,
      sharedMmap: options['shared-mmap'],
      ...(driver && { driver }),
      ...(live && { live }),
      ...(view && { view }),
      ...(options.group && { group: options.group }),
      ...(idle !== undefined && { idleTimeoutMs: parseIdleTimeout(idle) }),
      ...(identities && { identities }),
    };
    const report = async (mountpoint: string, notes: readonly string[], facts: object) => {
      for (const note of notes) say(note);
      if (options.json) await printJson({ mountpoint, store: store.path, ...facts, notes });
      else await printLine(mountpoint);
    };
    if (options.foreground) {
      const mountpoint = await prepareMountpoint(store, directory);
      // A server keeps nothing of its caller's in use: no lock, no pipe, no directory.
      closeInheritedDescriptors();
      process.chdir('/');
      await serveUntilUnmounted(store, mountpoint, how, (mount) => {
        notifyReady();
        const facts = { ...factsOf(mount), pid: process.pid };
        // A mount that cannot be reported is there all the same.
        report(mount.mountpoint, mount.notes, facts).catch((error) => reportError(error, false));
      });
      return 0;
    }
    const mount = await mountInBackground(store, directory, how);
    await report(mount.mountpoint, mount.notes, { ...factsOf(mount), pid: mount.pid });
    return 0;
  },
});

/** Throws `usage` for less than a second: looking so often would keep the machine busy. */
function parseIdleTimeout(text: string): number {
  const milliseconds = parseDuration('--idle-timeout', text);
  if (milliseconds >= 1000) return milliseconds;
  throw new TaskfsError('usage', `'${text}' cannot be the value of --idle-timeout`, {
    hint: "Give a second or more, as in '10m'.",
  });
}

const factsOf = ({ driver, live }: Pick<ServedMount, 'driver' | 'live'>) => ({
  driver,
  live: live.mode,
  liveReason: live.why,
});

/**
 * What the server must be told, because it cannot find it by itself: identities that an option
 * names, or that a passphrase protects, which only a person at a terminal knows. Left out: it
 * looks in the store, and finds there what was rotated since.
 */
async function identitiesForServer(
  store: Store,
  options: IdentityOptions & { readonly directory: string },
): Promise<readonly string[] | undefined> {
  const isNamed = options.identity !== undefined || options['identity-cmd'] !== undefined;
  if (isNamed) return findIdentities(store, options);
  if (!process.stdin.isTTY || !isProtected(store)) return undefined;
  // Nobody types a passphrase for a mount point that is refused afterwards.
  await prepareMountpoint(store, options.directory);
  return findIdentities(store, options);
}

/** Options that say which tasks a mount shows. */
export interface ViewOptions extends SelectorOptions {
  readonly task?: readonly string[] | undefined;
  readonly since?: string | undefined;
}

/** The options of `mount` by which it shows some of the tasks only. */
function addViewOptions<T>(parser: Argv<T>): Argv<T & ViewOptions> {
  return addSelectorOptions(parser)
    .option('task', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'Only this task; may be given more than once',
    })
    .option('since', {
      type: 'string',
      requiresArg: true,
      describe: 'Only tasks that have not ended, or did within this time, as in 7d',
    }) as Argv<T & ViewOptions>;
}

/** What these options select; undefined where that is every task. Throws `usage`. */
export function viewOf({ task, since, ...selector }: ViewOptions): MountView | undefined {
  const view: MountView = {
    ...selectorOf(selector),
    ...(task && { tasks: task.map(parseTaskName) }),
    ...(since !== undefined && { sinceMs: parseDuration('--since', since) }),
  };
  return Object.keys(view).length === 0 ? undefined : view;
}
