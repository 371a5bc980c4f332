import { examine, type Finding } from '../../doctor/index.ts';
import { storePath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { printJson, printLine, say } from '../output.ts';
import { paint, type Words } from '../styled-text.ts';

export const command = defineCommand({
  examples: [
    ['taskfs doctor', 'Check this machine, the store, its mounts'],
    ['taskfs doctor --fix', 'Put right what you may, and say the commands for the rest'],
  ],
  about:
    'Unmounts your mounts of the store whose server is dead. The exit code is 1 if something is ' +
    'bad.',
  build: (parser) =>
    parser
      .option('fix', {
        type: 'boolean',
        default: false,
        describe: 'Recover tasks, close what others could read, remove thumbnails of sealed files',
      })
      .option('thumbnails', {
        type: 'boolean',
        describe: 'Remove your thumbnails of files that are not live any more',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const { fix, thumbnails } = options;
    const findings = await examine(storePath(options.store), { fix, thumbnails, say });
    if (options.json) await printJson(findings);
    else for (const finding of findings) await printFinding(finding);
    return findings.some(({ verdict }) => verdict === 'bad') ? EXIT.failed : EXIT.ok;
  },
});

const marks = {
  good: paint('green', 'ok  '),
  note: paint('yellow', 'note'),
  bad: paint('red', 'bad '),
};

async function printFinding(finding: Finding): Promise<void> {
  await printLine(show(finding));
  for (const command of finding.commands ?? []) await printLine(`        ${command}`);
}

const show = ({ verdict, what, says }: Finding): Words => [marks[verdict], `  ${what}: ${says}`];
