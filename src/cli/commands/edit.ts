import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EditCopy, openEditCopy, type Saved } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { decodeBytes } from '../../process/index.ts';
import { parseArtifactPath, type Store, showPath, type TaskName } from '../../store/index.ts';
import type { ProcessEnd } from '../../sys/index.ts';
import { addPath, addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { followEdit, type KeptEdit } from '../edit-session.ts';
import { type Editor, findEditor, runEditor } from '../editor.ts';
import { EXIT } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { print, printLine, say } from '../output.ts';
import { REFUSAL_MS } from '../run-external.ts';
import { startVerb } from '../verb-process.ts';

export const command = defineCommand({
  examples: [
    ['taskfs edit build notes.md', 'Change a file of a live task in your editor'],
    ['VISUAL=code taskfs edit build notes.md', 'The same in a window, while the shell stays free'],
    ['taskfs edit --wait build notes.md', 'Wait until the window is closed, too'],
  ],
  about:
    'The editor is $VISUAL, else $EDITOR, else vi, and gets a private copy. One in the ' +
    'terminal is waited for, and what it saved is written back when it ends. One with a ' +
    'window (code, gvim, subl and others) is not: each save is written back at once. If the ' +
    'task changed the file meanwhile, your version is put beside it; if the task has ended, ' +
    'you get a message, and what you save is kept in the store and named.',
  build: (parser) =>
    addPath(addTask(parser, 'a live task'), 'A file, new or there').option('wait', {
      type: 'boolean',
      default: false,
      describe: 'Wait until an editor with a window has closed the file',
    }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const editor = findEditor(process.env);
    const { task } = options;
    const edit = { store, task, path: parseArtifactPath(task, options.path) };
    if (!editor.hasWindow) return editInTerminal(edit, editor);
    return options.wait ? editInWindow(edit, editor) : leaveWindowOpen(edit);
  },
});

/** What is edited. */
interface Edit {
  readonly store: Store;
  readonly task: TaskName;
  readonly path: Buffer;
}

async function editInTerminal({ store, task, path }: Edit, editor: Editor): Promise<number> {
  using copy = openEditCopy(store, task, path);
  const failure = await runEditor(editor, copy.path);
  const saved = copy.save(failure?.message);
  if (saved.kind === 'kept') {
    throw new TaskfsError('failed', describe(path, saved), { hint: COPY_HINT });
  }
  if (failure) throw failure;
  sayUnchanged(task, copy, saved);
  return EXIT.ok;
}

const COPY_HINT = 'Copy from there what you need.';

const describe = (path: Buffer, { why, where }: KeptEdit): string =>
  `'${showPath(path)}' was not written back, ${why}: what you saved is kept as ${where}`;

function sayUnchanged(task: TaskName, copy: EditCopy, { kind }: Saved): void {
  if (kind === 'unchanged' && !copy.isLive()) {
    say(`task ${task} ended meanwhile; you changed nothing`);
  }
}

/** Waits until the window is closed; what the person must know is said when it happens. */
async function editInWindow({ store, task, path }: Edit, editor: Editor): Promise<number> {
  using copy = openEditCopy(store, task, path);
  const tell = (words: string): void => {
    say(words);
    notifyDesktop(words);
  };
  const closed = runEditor(editor, copy.path);
  const isOpen = Promise.race([closed.then(() => false), sleep(REFUSAL_MS, true, { ref: false })]);
  if (await isOpen) {
    await printLine(
      `'${showPath(path)}' is open in ${editor.command}: each save goes to task ${task}`,
    );
  }
  const saved = await followEdit(copy, closed, {
    ended: () =>
      tell(
        `task ${task} has ended while you edit '${showPath(path)}': what you save from now on ` +
          `is kept as ${copy.path}`,
      ),
    kept: (kept) => tell(`${describe(path, kept)}. ${COPY_HINT}`),
  });
  const failure = await closed;
  if (failure) throw failure;
  if (saved.kind === 'kept') return EXIT.failed;
  sayUnchanged(task, copy, saved);
  return EXIT.ok;
}

/** How often it is asked whether the editor has started, in milliseconds. */
const ASK_MS = 50;

/**
 * Has a process in the background wait for the window, which says on this terminal and on the
 * desktop what the person must know. Returns once that says that the editor is open.
 */
async function leaveWindowOpen({ store, task, path }: Edit): Promise<number> {
  const words = ['edit', '--wait', '--store', store.path, task, `./${decodeBytes(path)}`];
  const isOnTerminal = process.stderr.isTTY;
  const errors = isOnTerminal ? 'terminal' : 'kept';
  using verb = startVerb(words, { main: 'kept', errors, staysAlive: true });
  let end: ProcessEnd | undefined;
  while (!end && verb.printed() === '') {
    end = await Promise.race([verb.ended, sleep(ASK_MS, undefined)]);
  }
  await print(verb.printed());
  if (!isOnTerminal) process.stderr.write(verb.said());
  return end ? (end.exitCode ?? EXIT.failed) : EXIT.ok;
}

/**
 * Shows words on the person's desktop, where there is one with notifications (notify-send of
 * libnotify): a person at a window does not look at the terminal.
 */
function notifyDesktop(words: string): void {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (!DISPLAY && !WAYLAND_DISPLAY) return;
  // The Desktop Notifications Specification takes the body as markup.
  const body = words.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const args = ['--app-name=taskfs', '--', 'taskfs', body];
  const child = spawn('notify-send', args, { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
