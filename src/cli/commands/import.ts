import { extractArtifacts, type Origin, originOf } from '../../agents-runner/index.ts';
import { counted, showBytes } from '../../quantities.ts';
import { assertDirectory, copyingTask, importTask } from '../../runner/index.ts';
import { absolutePath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { ownCommand, runCopyingTask } from '../copying-task.ts';
import { EXIT } from '../exit-code.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printLine, say } from '../output.ts';
import { labelsOf } from '../selector-options.ts';

export const command = defineCommand({
  rawOptions: ['directory', 'to'],
  examples: [
    ['taskfs import ./artifacts --name ci-1234', 'Seal files that are there already'],
    ['taskfs import --from agents-runner ~/old/TASK', 'Seal artifacts of agents-runner'],
    ['taskfs import --from agents-runner ~/old/TASK --to ./plain', 'Only decrypt them'],
  ],
  about:
    'A task copies the files, and is sealed as any other; the directory stays as it is. With ' +
    '--from agents-runner it decrypts the .enc files of a task of that program, and gives them ' +
    'their names, types and times; what it cannot read it names, and the exit code is 5.',
  build: (parser) =>
    parser
      .positional('directory', { type: 'string', demandOption: true, describe: 'What to seal' })
      .option('name', { type: 'string', requiresArg: true, describe: 'The task’s name' })
      .option('label', {
        alias: 'l',
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'K=V to find it by',
      })
      .option('from', {
        choices: ['agents-runner'] as const,
        requiresArg: true,
        describe: 'The program that wrote the directory',
      })
      .option('task-id', {
        type: 'string',
        requiresArg: true,
        describe: 'The task’s id there; else the directory’s name',
      })
      .option('environment', {
        type: 'string',
        describe: "The environment's id there; else 'default', or none",
      })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: 'Decrypt into this directory, and seal nothing',
      })
      .implies('task-id', 'from')
      .implies('environment', 'from')
      .implies('to', 'from')
      .option('json', json()),
  run: async ({ options }) => {
    const directory = absolutePath(options.directory);
    assertDirectory(directory);
    const { environment, name, json } = options;
    const origin = originOf(directory, { task: options['task-id'], environment });
    if (options.to !== undefined) return extract(directory, options.to, origin);
    const store = await openOrMakeStore(options);
    const named = { name, labels: options.label && labelsOf(options.label) };
    const submission = options.from
      ? copyingTask(extracting(directory, origin), named)
      : importTask(directory, named);
    return runCopyingTask(store, submission, { isShown: !json, json });
  },
});

function extracting(directory: string, { task, environments }: Origin): string[] {
  const [environment] = environments.length === 1 ? environments : [];
  const named = environment === undefined ? [] : [`--environment=${environment}`];
  return ownCommand('import', '--from', 'agents-runner', '--task-id', task, ...named, directory);
}

async function extract(directory: string, to: string, origin: Origin): Promise<number> {
  assertDirectory(absolutePath(to));
  const { written, failed } = extractArtifacts(directory, absolutePath(to), origin);
  const bytes = written.reduce((sum, each) => sum + each.bytes, 0);
  for (const { file, why } of failed) say(`Not read: ${file}: ${why}.`);
  await printLine(
    `${counted(written.length, 'file')}, ${showBytes(bytes)}; ${failed.length} not read`,
  );
  return failed.length === 0 ? EXIT.ok : EXIT.damaged;
}
