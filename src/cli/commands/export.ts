import { exportTree, openTree } from '../../artifacts/index.ts';
import { encodeText, showText } from '../../process/index.ts';
import { absolutePath } from '../../store/index.ts';
import { jsonPath, printableName } from '../../watch/index.ts';
import { addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { showBytes } from '../units.ts';

export const command = defineCommand({
  rawOptions: ['directory'],
  examples: [['taskfs export build ./out', 'Copy all files of a task, live or archived']],
  about:
    'The directory must be new or empty; only you may enter it until the copy is complete. ' +
    'Modes, times, links, user attributes and holes stay as they are, set-user-ID and ' +
    'set-group-ID bits do not.',
  build: (parser) =>
    addTask(addIdentityOptions(parser))
      .positional('directory', { type: 'string', demandOption: true, describe: 'Where to' })
      .option('keep-setid', {
        type: 'boolean',
        default: false,
        describe: 'Keep set-user-ID and set-group-ID bits: only for tasks that you trust',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const directory = absolutePath(options.directory);
    const store = openStoreOf(options);
    const { task } = options;
    using tree = await openTree(store, task, () => findIdentities(store, options));
    using top = tree.find('', 'keep');
    const exported = exportTree(top, encodeText(directory), {
      keepSetId: options['keep-setid'],
    });
    const { files, bytes, skipped, bare, withoutSetId } = exported;
    for (const { path, type } of skipped) say(`Left out: ${printableName(path)} is a ${type}.`);
    for (const path of bare) {
      say(
        `Without its attributes: ${printableName(path)}: the file system there does not take them.`,
      );
    }
    for (const path of withoutSetId) {
      say(`Without set-user-ID or set-group-ID: ${printableName(path)}: --keep-setid keeps it.`);
    }
    if (options.json) {
      const leftOut = skipped.map(({ path, type }) => ({ ...jsonPath(path), type }));
      const withoutAttributes = bare.map(jsonPath);
      const all = {
        directory: showText(directory),
        files,
        bytes,
        skipped: leftOut,
        withoutAttributes,
      };
      await printJson({ ...all, withoutSetId: withoutSetId.map(jsonPath) });
    } else await printLine(`${files} files, ${showBytes(bytes)}, in ${showText(directory)}`);
    return 0;
  },
});
