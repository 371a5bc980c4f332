import { parseTaskName } from '../../store/index.ts';
import {
  type Finding,
  type Verified,
  type VerifyProgress,
  verifyArchives,
} from '../../store/seal/verify.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { ProgressLine, ProgressReport } from '../progress.ts';

export const command = defineCommand({
  examples: [
    ['taskfs verify', 'Seals, signatures, lengths, and whether an archive is missing'],
    ['taskfs verify --deep build', 'Decrypt everything of a task and compare it'],
  ],
  about:
    'The exit code is 5 where something is not as it was sealed, and 4 where only the key to look ' +
    'inside is missing.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('task', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Names of sealed tasks; else all, and the chain of seals',
      })
      .option('deep', { type: 'boolean', default: false, describe: 'Read and compare every byte' })
      .option('json', { type: 'boolean', default: false, describe: 'Print a JSON object' }),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const tasks = options.task.length > 0 ? options.task.map(parseTaskName) : undefined;
    using progress = new ProgressLine('Verifying');
    const report = new ProgressReport();
    const verified = await verifyArchives(store, {
      tasks,
      deep: options.deep,
      identities: options.deep ? await findIdentities(store, options) : [],
      onProgress: (step) => {
        if (options.json) report.update(step);
        else progress.update({ done: step.bytes, total: null }, describe(step));
      },
    });
    progress[Symbol.dispose]();
    if (options.json) await printJson(verified);
    else await tell(verified, options.deep);
    return exitCodeOf(verified.findings);
  },
});

const describe = ({ task, done, total }: VerifyProgress): string =>
  `Verifying ${task} (${done} of ${total})`;

async function tell({ archives, findings }: Verified, deep: boolean): Promise<void> {
  for (const finding of findings) await printLine(show(finding));
  if (findings.length > 0) return;
  const extent = deep
    ? 'every byte'
    : 'as far as can be seen from outside; --deep reads every byte';
  const found =
    archives === 1 ? '1 archive, as it was sealed' : `${archives} archives, as they were sealed`;
  say(`${found}: ${extent}.`);
}

function show({ kind, message, file, offset, path }: Finding): string {
  const places = [
    path === null ? null : `file '${path}'`,
    file === null ? null : offset === null ? file : `${file} at byte ${offset}`,
  ].filter((place) => place !== null);
  return [`${kind}: ${message}`, ...places].join('; ');
}

function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.length === 0) return EXIT.ok;
  return findings.every(({ kind }) => kind === 'wrong-key') ? EXIT.wrongKey : EXIT.damaged;
}
