import { storePath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { type Finding, runChecks } from '../doctor-checks.ts';
import { EXIT } from '../exit-code.ts';
import { printJson, printLine } from '../output.ts';
import { paint, type Words } from '../words.ts';

export const command = defineCommand({
  examples: [['taskfs doctor', 'Check this machine, the store, its mounts']],
  about: 'Unmounts your mounts whose server is dead. The exit code is 1 if something is bad.',
  build: (parser) =>
    parser
      .option('thumbnails', {
        type: 'boolean',
        default: false,
        describe: 'Remove your thumbnails of files that are not live any more',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const findings = await runChecks(storePath(options.store), options);
    if (options.json) await printJson(findings);
    else for (const finding of findings) await printLine(show(finding));
    return findings.some(({ verdict }) => verdict === 'bad') ? EXIT.failed : EXIT.ok;
  },
});

const marks = {
  good: paint('green', 'ok  '),
  note: paint('yellow', 'note'),
  bad: paint('red', 'bad '),
};

const show = ({ verdict, what, says }: Finding): Words => [marks[verdict], `  ${what}: ${says}`];
