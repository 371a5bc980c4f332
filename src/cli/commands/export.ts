import {
  type ArtifactTree,
  type ExportOptions,
  exportTar,
  exportTree,
  exportZip,
  openTree,
} from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { encodeText, showText } from '../../process/index.ts';
import { counted, showBytes } from '../../quantities.ts';
import { absolutePath } from '../../store/index.ts';
import { addTask, json, keepSetIdOption } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { assertRedirected, print, printJson, printLine } from '../output.ts';
import { describeCopied, sayLeftOut, sayWhatIsMissing } from '../report-copied.ts';

export const command = defineCommand({
  rawOptions: ['directory'],
  examples: [
    ['taskfs export build ./out', 'Copy all files of a task, live or archived'],
    ['taskfs export build --format tar | tar -t', 'The same as a stream on standard output'],
    ['taskfs export build --format zip > build.zip', 'For programs that know no tar'],
  ],
  about:
    'The directory must be new or empty; only you may enter it until the copy is complete. ' +
    'Modes, times, links, user attributes and holes stay as they are, set-user-ID and ' +
    'set-group-ID bits do not. A tar has all of that, a zip only modes and times.',
  build: (parser) =>
    addTask(addIdentityOptions(parser))
      .positional('directory', { type: 'string', describe: 'Where to' })
      .option('format', {
        choices: ['tar', 'zip'] as const,
        requiresArg: true,
        describe: 'Write all to standard output instead, as a tar or zip',
      })
      .conflicts('format', 'directory')
      .option('keep-setid', keepSetIdOption)
      .option('json', json()),
  run: async ({ options }) => {
    const { task, format } = options;
    const store = openStoreOf(options);
    if (format) {
      const example = `taskfs export TASK --format ${format}`;
      assertRedirected(options.json, '--format and --json', format, example);
    }
    const directory = format ? '' : absolutePath(required(options.directory));
    using tree = await openTree(store, task, () => findIdentities(store, options));
    if (format) {
      await stream(tree, format, { keepSetId: options['keep-setid'] });
      return 0;
    }
    using top = tree.find('', 'keep');
    const exported = exportTree(top, encodeText(directory), {
      keepSetId: options['keep-setid'],
    });
    sayWhatIsMissing(exported);
    if (options.json) {
      await printJson({ directory: showText(directory), ...describeCopied(exported) });
    } else {
      const { files, bytes } = exported;
      await printLine(`${counted(files, 'file')}, ${showBytes(bytes)}, in ${showText(directory)}`);
    }
    return 0;
  },
});

function required(directory: string | undefined): string {
  if (directory !== undefined) return directory;
  throw new TaskfsError('usage', "'taskfs export' needs to know where to", {
    hint: 'Name a directory, or give --format for a stream on standard output.',
  });
}

async function stream(
  tree: ArtifactTree,
  format: 'tar' | 'zip',
  options: ExportOptions,
): Promise<void> {
  if (format === 'zip') {
    for await (const piece of await exportZip(tree, '', sayLeftOut, options)) await print(piece);
    return;
  }
  using top = tree.find('', 'keep');
  for (const piece of exportTar(top, sayLeftOut, options)) await print(piece);
}
