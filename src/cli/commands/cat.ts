import { type ArtifactNode, openTree } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { showPath } from '../../store/index.ts';
import { addPath, addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs cat build report.md', 'Print a file, live or archived'],
    ['taskfs cat build img/plot.png > plot.png', 'Any bytes'],
  ],
  build: (parser) =>
    addPath(addTask(addIdentityOptions(parser)), 'A file, from the top of the task’s files'),
  run: async ({ options }) => {
    const { task, path } = options;
    const store = openStoreOf(options);
    using tree = await openTree(store, task, () => findIdentities(store, options));
    using node = tree.find(path, 'follow');
    const { type } = node.artifact;
    if (type !== 'file') {
      throw new TaskfsError(
        'usage',
        `'${showPath(path)}' of task ${task} is a ${type}, not a file`,
        {
          hint: `'taskfs ls ${task}' lists its files.`,
        },
      );
    }
    await printContent(node);
    return 0;
  },
});

async function printContent(node: ArtifactNode): Promise<void> {
  let offset = 0;
  for (;;) {
    // A buffer of its own each time: the stream may still hold the last one.
    const buffer = Buffer.allocUnsafe(256 * 1024);
    const length = node.read(buffer, offset);
    if (length === 0) return;
    await print(buffer.subarray(0, length));
    offset += length;
  }
}
