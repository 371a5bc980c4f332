import { existsSync } from 'node:fs';
import type { Finding } from '../../archive/index.ts';
import { type Repaired, repairArchives } from '../../archive/maintain/index.ts';
import {
  parseKept,
  type Verified,
  type VerifyProgress,
  verifyArchives,
} from '../../archive/verify/index.ts';
import { verifyPath } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { encodeText } from '../../process/index.ts';
import {
  isTaskName,
  parseTaskName,
  type Store,
  type TaskName,
  taskPaths,
} from '../../store/index.ts';
import { printableName } from '../../watch/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { addIdentityOptions, findIdentities, type IdentityOptions } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { describeReindexed, ProgressLine, ProgressReport } from '../progress.ts';

export const command = defineCommand({
  rawOptions: ['task'],
  examples: [
    ['taskfs verify', 'Seals, signatures, lengths, and whether an archive is missing'],
    ['taskfs verify --deep build', 'Decrypt everything of a task and compare it'],
    ['taskfs verify build src/main.c', 'Every byte of one file, or of all in a directory'],
    ['taskfs verify --last FILE', 'Whether the store still holds all seals that were kept in FILE'],
    ['taskfs verify --repair', 'The same as --deep, and rebuild damaged indexes'],
  ],
  about:
    'Two arguments are a task and a path if no task has the second one’s name (./NAME always is ' +
    'a path). Only the index of an archive can be rebuilt; everything else that is lost is ' +
    'reported. The exit code is 5 if something is not as it was sealed, and 4 if only the key ' +
    'to look inside is missing.',
  build: (parser) =>
    addIdentityOptions(parser)
      .positional('task', {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Names of sealed tasks, or a task and a path; else all, and the chain of seals',
      })
      .option('deep', { type: 'boolean', default: false, describe: 'Read and compare every byte' })
      .option('repair', {
        type: 'boolean',
        default: false,
        describe: 'As --deep, and rebuild damaged indexes',
      })
      .option('signer', {
        type: 'string',
        requiresArg: true,
        describe: "The key that must have signed: a file, or its hash as 'taskfs anchor' prints it",
      })
      .option('last', {
        type: 'string',
        requiresArg: true,
        describe: 'Seals that must be there: a file that taskfs anchor filled, or a hash',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { tasks, path } = parseTargets(store, options.task);
    using progress = new ProgressLine('Verifying');
    const verified = await verify(store, { tasks, path }, options, progress);
    progress[Symbol.dispose]();
    if (options.json) await printJson(verified);
    else await printVerified(verified, extentOf(options, path));
    return exitCodeOf(verified.findings);
  },
});

interface Targets {
  /** Undefined: all. */
  readonly tasks: readonly TaskName[] | undefined;
  /** In the only one of them. */
  readonly path: Buffer | undefined;
}

function parseTargets(store: Store, names: readonly string[]): Targets {
  const [task, second] = names;
  if (task === undefined) return { tasks: undefined, path: undefined };
  if (names.length !== 2 || second === undefined || isTask(store, second)) {
    return { tasks: names.map(parseTaskName), path: undefined };
  }
  return { tasks: [parseTaskName(task)], path: encodeText(second) };
}

function isTask(store: Store, name: string): boolean {
  if (!isTaskName(name)) return false;
  const { directory, archive } = taskPaths(store, name);
  return existsSync(directory) || existsSync(archive);
}

interface Options extends IdentityOptions {
  readonly deep: boolean;
  readonly repair: boolean;
  readonly json: boolean;
  readonly signer: string | undefined;
  readonly last: string | undefined;
}

async function verify(
  store: Store,
  { tasks, path }: Targets,
  options: Options,
  progress: ProgressLine,
): Promise<Verified | Repaired> {
  const report = new ProgressReport();
  const kept = parseKept(options.signer, options.last);
  const onProgress = (step: VerifyProgress): void => {
    if (options.json) report.update(step);
    else if (step.bytes === 0) progress.onCount(step);
    else progress.update({ done: step.bytes, total: step.totalBytes }, describe(step));
  };
  const [task] = tasks ?? [];
  if (path && task) {
    if (options.repair)
      throw new TaskfsError('usage', '--repair is for whole tasks, not for a path');
    const identities = await findIdentities(store, options);
    return await verifyPath(store, task, path, { identities, kept, onProgress });
  }
  if (!options.repair) {
    const identities = options.deep ? await findIdentities(store, options) : [];
    return await verifyArchives(store, { tasks, deep: options.deep, identities, kept, onProgress });
  }
  const identities = await findIdentities(store, options);
  const onReindex = (step: { bytes: number; totalBytes: number }): void => {
    if (options.json) report.update(step);
    else progress.update({ done: step.bytes, total: step.totalBytes }, 'Rebuilding the index');
  };
  return await repairArchives(store, { tasks, identities, kept, onProgress, onReindex });
}

const describe = ({ task, done, total }: VerifyProgress): string =>
  `Verifying ${task} (${done} of ${total})`;

/** What was looked at, of how much; where nothing is wrong. */
function extentOf({ deep, repair }: Options, path: Buffer | undefined): string {
  if (path) return `every byte of '${printableName(path)}' was compared`;
  if (deep || repair) return 'every byte was compared';
  return 'as far as can be seen from outside; --deep reads every byte';
}

async function printVerified(verified: Verified | Repaired, extent: string): Promise<void> {
  const { archives, findings, partial = [] } = verified;
  if ('repaired' in verified) await printRepairs(verified);
  for (const finding of findings) await printLine(show(finding));
  for (const { task, leftOut } of partial) {
    say(
      `Task ${task}: not sealed, by --artifact or --exclude: ${leftOut}; 'taskfs status' has the ` +
        'patterns.',
    );
  }
  if (findings.length > 0) return;
  const found =
    archives === 1 ? '1 archive, as it was sealed' : `${archives} archives, as they were sealed`;
  say(`${found}: ${extent}.`);
}

async function printRepairs({ repaired, notRepaired }: Repaired): Promise<void> {
  for (const reindexed of repaired) {
    await printLine(describeReindexed(reindexed));
    for (const loss of reindexed.lost) say(`Lost: ${loss}.`);
  }
  for (const { task, message } of notRepaired) {
    await printLine(`${task}: its index cannot be rebuilt: ${message}`);
  }
}

function show({ kind, message, file, offset, path, pathBase64, range }: Finding): string {
  const raw =
    pathBase64 === undefined ? Buffer.from(path ?? '') : Buffer.from(pathBase64, 'base64');
  const end = range && range.start + range.length - 1;
  const places = [
    path === null ? null : `file '${printableName(raw)}'`,
    range === null ? null : `bytes ${range.start} to ${end}`,
    file === null ? null : offset === null ? file : `${file} at byte ${offset}`,
  ].filter((place) => place !== null);
  return [`${kind}: ${printableName(Buffer.from(message))}`, ...places].join('; ');
}

function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.length === 0) return EXIT.ok;
  return findings.every(({ kind }) => kind === 'wrong-key') ? EXIT.wrongKey : EXIT.damaged;
}
