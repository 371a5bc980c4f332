import type { Command } from './command.ts';

/** A verb as the command line knows it before its module is loaded. */
export interface Verb {
  readonly name: string;
  /** What follows the name, in the notation of usage lines. */
  readonly arguments: string;
  /** One line for `taskfs --help`. */
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** A heading of `taskfs --help` and what stands under it. */
export interface VerbGroup {
  readonly title: string;
  readonly verbs: readonly Verb[];
}

function verb(name: string, args: string, summary: string, load: Verb['load']): Verb {
  return { name, arguments: args, summary, load };
}

/** All verbs. A module is loaded when its verb is used: `taskfs --help` loads none. */
export const groups: readonly VerbGroup[] = [
  {
    title: 'Run',
    verbs: [
      verb('run', '-- CMD ARG…', 'Run a command as a task', () => import('./commands/run.ts')),
      verb('ps', '', 'List tasks', () => import('./commands/ps.ts')),
      verb('status', '<task>', 'Show the state of a task', () => import('./commands/status.ts')),
      verb('logs', '<task..>', 'Show what tasks printed', () => import('./commands/logs.ts')),
      verb(
        'attach',
        '<task>',
        'Show what a task prints from now on',
        () => import('./commands/attach.ts'),
      ),
      verb('wait', '[task..]', 'Wait for tasks to end', () => import('./commands/wait.ts')),
      verb('cancel', '<task..>', 'Cancel tasks', () => import('./commands/cancel.ts')),
      verb('pause', '<task..>', 'Pause tasks', () => import('./commands/pause.ts')),
      verb('resume', '<task..>', 'Resume tasks', async () => ({
        command: (await import('./commands/pause.ts')).resumeCommand,
      })),
      verb(
        'exec',
        '<task> -- CMD ARG…',
        'Run a command in a task',
        () => import('./commands/exec.ts'),
      ),
      verb('rerun', '<task>', 'Run a task again', () => import('./commands/rerun.ts')),
      verb('stats', '[task..]', 'Show what tasks use', () => import('./commands/stats.ts')),
      verb('events', '[task]', 'Show what happened', () => import('./commands/events.ts')),
      verb(
        'group',
        '[action] [group] [limit]',
        'Limit how many run at once',
        () => import('./commands/group.ts'),
      ),
    ],
  },
  {
    title: 'See files',
    verbs: [
      verb(
        'mount',
        '<directory>',
        'Mount the files of all tasks',
        () => import('./commands/mount.ts'),
      ),
      verb('unmount', '<directory>', 'Unmount', () => import('./commands/unmount.ts')),
      verb(
        'service',
        '[action] [directory]',
        'Mount at each log-in',
        () => import('./commands/service.ts'),
      ),
      verb('ui', '', 'Show tasks and files in the browser', () => import('./commands/ui.ts')),
      verb(
        'watch',
        '[task]',
        'Show tasks and files in the terminal',
        () => import('./commands/watch.ts'),
      ),
      verb('ls', '[task] [path]', 'List files, or tasks', () => import('./commands/ls.ts')),
      verb('cat', '<task> <path>', 'Print a file', () => import('./commands/cat.ts')),
      verb(
        'preview',
        '<task> [path]',
        'Show what a file is',
        () => import('./commands/preview.ts'),
      ),
      verb(
        'open',
        '<task> [path]',
        'Open files on the desktop',
        () => import('./commands/open.ts'),
      ),
      verb('edit', '<task> <path>', 'Edit a live file', () => import('./commands/edit.ts')),
      verb(
        'cp',
        '<source> <target>',
        'Copy files out of a task, or in',
        () => import('./commands/cp.ts'),
      ),
      verb(
        'export',
        '<task> [directory]',
        'Copy all files out',
        () => import('./commands/export.ts'),
      ),
      verb('path', '<task> [path]', 'Print where a file is', () => import('./commands/path.ts')),
    ],
  },
  {
    title: 'Keep',
    verbs: [
      verb('verify', '[task..]', 'Verify archives or a file', () => import('./commands/verify.ts')),
      verb('share', '<task>', 'Seal a task for others', () => import('./commands/share.ts')),
      verb('receive', '<file>', 'Open a shared task', () => import('./commands/receive.ts')),
      verb(
        'import',
        '<directory>',
        'Seal files you have already',
        () => import('./commands/import.ts'),
      ),
      verb('rename', '<task> <name>', 'Rename a sealed task', () => import('./commands/rename.ts')),
      verb('pin', '<task..>', 'Keep tasks for good', () => import('./commands/pin.ts')),
      verb('unpin', '<task..>', 'Let tasks be removed', async () => ({
        command: (await import('./commands/pin.ts')).unpinCommand,
      })),
      verb('rm', '<task..>', 'Remove tasks and their files', () => import('./commands/rm.ts')),
      verb('prune', '', 'Remove old tasks', () => import('./commands/prune.ts')),
      verb('policy', '[action]', 'Set what is kept', () => import('./commands/policy.ts')),
      verb('du', '[task]', 'Show what takes the space', () => import('./commands/du.ts')),
    ],
  },
  {
    title: 'Set up and repair',
    verbs: [
      verb('init', '', 'Create a store and its keys', () => import('./commands/init.ts')),
      verb('info', '', 'Show what is in the store', () => import('./commands/info.ts')),
      verb('doctor', '', 'Check this machine', () => import('./commands/doctor.ts')),
      verb(
        'completion',
        '[shell]',
        'Print a script for your shell',
        () => import('./commands/completion.ts'),
      ),
      verb('key', '[action] [recipient]', 'Manage who can read', () => import('./commands/key.ts')),
      verb('anchor', '', 'Keep seals elsewhere, too', () => import('./commands/anchor.ts')),
      verb('recover', '', 'Finish what was interrupted', () => import('./commands/recover.ts')),
      verb('seal', '<task..>', 'Seal files after a failure', () => import('./commands/seal.ts')),
      verb('reindex', '<task>', 'Rebuild an index', () => import('./commands/reindex.ts')),
      verb(
        'upgrade-store',
        '',
        'Upgrade an older store',
        () => import('./commands/upgrade-store.ts'),
      ),
    ],
  },
];

/** Whether a verb takes everything after `--` as it is; the parser never sees that. */
export const takesRest = (verb: Verb): boolean => REST.test(verb.arguments);

/** What stands before the two dashes, in the notation of usage lines. */
export const beforeRest = (verb: Verb): string => verb.arguments.replace(REST, '');

const REST = / ?-- .*$/;

/** Whether a verb's usage names an argument that is no option. */
export const isPositional = (verb: Verb, name: string): boolean =>
  new RegExp(`[<[]${name}(\\.\\.)?[>\\]]`).test(verb.arguments);

export const verbs: readonly Verb[] = groups.flatMap((group) => group.verbs);

export function findVerb(name: string): Verb | undefined {
  return verbs.find((candidate) => candidate.name === name);
}
