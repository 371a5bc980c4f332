import {
  type Copied,
  type CopySource,
  copyToLocal,
  copyToTask,
  exportTar,
  type NodeSource,
  openLocalSource,
  openTaskSource,
  openTree,
  spoolTar,
} from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { encodeText, showText } from '../../process/index.ts';
import { counted, showBytes } from '../../quantities.ts';
import { absolutePath, isTaskName, type Store, type TaskName } from '../../store/index.ts';
import { json, keepSetIdOption } from '../arguments.ts';
import { defineCommand, STANDARD_STREAM } from '../command.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { assertRedirected, print, printJson, printLine } from '../output.ts';
import { describeCopied, sayLeftOut, sayWhatIsMissing } from '../report-copied.ts';

/** Either end of a copy, as it is written. */
type End =
  | { readonly kind: 'task'; readonly task: TaskName; readonly path: string }
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'stream' };

export const command = defineCommand({
  rawOptions: ['source', 'target'],
  takesStandardStreams: true,
  examples: [
    ['taskfs cp build:report.pdf .', 'Copy a file out of a task, live or archived'],
    ['taskfs cp build:img ./pictures', 'A directory, with all that is in it'],
    ['taskfs cp fix.patch build:in/', 'Into a live task'],
    ['taskfs cp build:img - | tar -t', 'As a tar on standard output'],
    ['tar -c . | taskfs cp - build:', 'What is in a tar, into a live task'],
  ],
  about:
    'Paths in a task begin at the top of its files; TASK: alone is all of them. As with ' +
    'docker cp, a source goes into a target directory that exists, and else gets the ' +
    'target’s last name; of a directory whose path ends in /. only the contents are copied. ' +
    'Directories are merged, files replaced; links are copied as links. An archive is ' +
    'read-only. A path of this machine with a colon in it begins with ./ or a slash.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('source', { type: 'string', demandOption: true, describe: 'What' })
      .positional('target', { type: 'string', demandOption: true, describe: 'Where to' })
      .option('follow-link', {
        alias: 'L',
        type: 'boolean',
        default: false,
        describe: 'If the source is a link, copy what it leads to',
      })
      .option('keep-setid', keepSetIdOption)
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'Print nothing' })
      .option('json', json()),
  run: async ({ options }) => {
    const [source, target] = [endOf(options.source), endOf(options.target)];
    if (source.kind !== 'task' && target.kind !== 'task') throw withoutTask();
    const store = openStoreOf(options);
    using opened = new DisposableStack();
    if (target.kind === 'stream') {
      if (source.kind === 'stream') throw withoutTask();
      await printTar(await openNode(store, source, options, opened), options);
      return 0;
    }
    const from = await openSource(store, source, options, opened);
    const path = encodeText(target.path);
    const how = { keepSetId: options['keep-setid'] };
    const copied =
      target.kind === 'task'
        ? copyToTask(from, store, target.task, path, how)
        : copyToLocal(from, path, how);
    await report(copied, options);
    return 0;
  },
});

interface CopyOptions extends IdentityOptions {
  readonly target: string;
  readonly 'follow-link': boolean;
  readonly 'keep-setid': boolean;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** A task's name, a colon and a path; anything else is a path of this machine. */
function endOf(text: string): End {
  if (text === STANDARD_STREAM) return { kind: 'stream' };
  if (text === '') throw withoutTask();
  const colon = text.indexOf(':');
  const task = text.slice(0, Math.max(0, colon));
  if (!isTaskName(task)) return { kind: 'local', path: text };
  return { kind: 'task', task, path: text.slice(colon + 1) };
}

const withoutTask = (): TaskfsError =>
  new TaskfsError('usage', "'taskfs cp' copies from a task, or to one", {
    hint: "Write 'taskfs cp TASK:PATH DIR', or 'taskfs cp FILE TASK:PATH'.",
  });

async function openSource(
  store: Store,
  source: End,
  options: CopyOptions,
  opened: DisposableStack,
): Promise<CopySource> {
  if (source.kind === 'stream') return { tar: opened.use(await spoolTar(process.stdin, store)) };
  return openNode(store, source, options, opened);
}

async function openNode(
  store: Store,
  source: Exclude<End, { readonly kind: 'stream' }>,
  options: CopyOptions,
  opened: DisposableStack,
): Promise<NodeSource> {
  const { path } = source;
  const how = {
    followLink: options['follow-link'] || path.endsWith('/'),
    contents: /(^|\/)\.$/.test(path),
  };
  if (source.kind === 'local') {
    return opened.use(openLocalSource(encodeText(absolutePath(path)), how));
  }
  const { task } = source;
  const tree = opened.use(await openTree(store, task, () => findIdentities(store, options)));
  return opened.use(openTaskSource(tree, task, encodeText(path), how));
}

async function printTar(
  { node, name, isContents }: NodeSource,
  options: CopyOptions,
): Promise<void> {
  assertRedirected(options.json, "--json and '-'", 'tar', 'taskfs cp TASK:PATH -');
  const tarOptions = { keepSetId: options['keep-setid'], ...(!isContents && { name }) };
  for (const piece of exportTar(node, sayLeftOut, tarOptions)) await print(piece);
}

async function report(copied: Copied, { target, quiet, json: asJson }: CopyOptions): Promise<void> {
  sayWhatIsMissing(copied);
  const { files, bytes } = copied;
  const shown = showText(target);
  if (asJson) await printJson({ target: shown, ...describeCopied(copied) });
  else if (!quiet) await printLine(`${counted(files, 'file')}, ${showBytes(bytes)}, to ${shown}`);
}
