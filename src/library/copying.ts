import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Extracted, extractArtifacts, originOf } from '../agents-runner/index.ts';
import { copySharedTask, handOn, openSharedTask, unlockSharedTask } from '../artifacts/index.ts';
import { assertDirectory, copyingTask, importTask, receivingTask } from '../runner/index.ts';
import { absolutePath, absoluteTextPath } from '../store/index.ts';
import { start } from './run.ts';
import type { Store } from './store.ts';
import type { Task } from './task.ts';

/** Options of `importDirectory`. */
export interface ImportOptions {
  /** The task's name; made where there is none. */
  readonly name?: string;
  /** To find it by. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Options of `importAgentsRunner`. */
export interface AgentsRunnerOptions extends ImportOptions {
  /** The task's id there; the directory's name by default. */
  readonly taskId?: string;
  /** The environment's id there; `default`, or none, by default. */
  readonly environment?: string;
}

/** Options of `receive`. */
export interface ReceiveOptions {
  /** The task's name here; by default the one that it has there, if it is free. */
  readonly name?: string;
  /** The hash of the signing key that it must be signed by; any by default. */
  readonly signer?: string;
}

/** Options of `extractShared`. */
export interface ExtractOptions extends Pick<ReceiveOptions, 'signer'> {
  readonly onLog?: (piece: Uint8Array) => Promise<void>;
}

/** What the tasks here run, where it is not `cp`. */
const PROGRAM = fileURLToPath(
  new URL(`./copying-program${extname(import.meta.url)}`, import.meta.url),
);

const program = (...args: readonly string[]): string[] => [process.execPath, PROGRAM, ...args];

/**
 * Starts a task in the background that copies a directory, which stays as it is, into its files, to
 * be sealed. Throws as `run`, and `not-found`.
 */
export async function importDirectory(
  store: Store,
  directory: string,
  options: ImportOptions = {},
): Promise<Task> {
  return start(store, importTask(absolutePath(directory), options), {});
}

/**
 * The same with the artifacts of a task of agents-runner, decrypted, under their own names and with
 * their types and times. What cannot be read is named in its log, and the task fails with exit code
 * 1; the rest is sealed all the same.
 */
export async function importAgentsRunner(
  store: Store,
  directory: string,
  { taskId, environment, ...options }: AgentsRunnerOptions = {},
): Promise<Task> {
  const from = absoluteTextPath(directory, 'the directory');
  assertDirectory(from);
  const { task, environments } = originOf(from, { task: taskId, environment });
  const command = program('agents-runner', from, task, ...environments);
  return start(store, copyingTask(command, options), {});
}

/**
 * Only decrypts the artifacts of a task of agents-runner into a directory. Throws `not-found` where
 * one of the directories is not there.
 */
export function extractAgentsRunner(
  directory: string,
  into: string,
  { taskId, environment }: Pick<AgentsRunnerOptions, 'taskId' | 'environment'> = {},
): Extracted {
  const [from, to] = [absolutePath(directory), absolutePath(into)];
  assertDirectory(from);
  assertDirectory(to);
  return extractArtifacts(from, to, originOf(from, { task: taskId, environment }));
}

/** What is known of a shared task. */
export interface SharedFacts {
  /** What it is called where it comes from. */
  readonly task: string;
  /** The hash of the key that signed it. */
  readonly signer: string;
  /** How many files and directories of it were not to be sealed there. */
  readonly leftOut: number;
}

/**
 * Only decrypts a file of `share`, with the identities of the store, into a new or empty directory;
 * `onLog` is handed what the task printed. Throws `damaged` where it was changed or is not by
 * `signer`, `wrong-key`, `usage`.
 */
export async function extractShared(
  store: Store,
  file: string,
  into: string,
  { signer, onLog = async () => {} }: ExtractOptions = {},
): Promise<SharedFacts> {
  using shared = await openSharedTask(absoluteTextPath(file, 'the file'), signer);
  const unlocked = await unlockSharedTask(shared, await store.identities());
  await copySharedTask(unlocked, into, onLog);
  const { task, seal } = shared;
  return { task, signer: seal.signer, leftOut: seal.leftOutCount ?? 0 };
}

/**
 * Opens a file of `share` with the identities of the store, and seals it as a task of its own, with
 * the labels `shared-by`, its signer, and `shared-as`. Resolves once that has ended. Throws as
 * `run`, `damaged` where it was changed or is not by `signer`, `wrong-key`.
 */
export async function receive(
  store: Store,
  file: string,
  { name, signer }: ReceiveOptions = {},
): Promise<Task> {
  using shared = await openSharedTask(absoluteTextPath(file, 'the file'), signer);
  const secrets = handOn(await unlockSharedTask(shared, await store.identities()));
  const how = { name, env: Object.keys(secrets) };
  const task = await start(
    store,
    receivingTask(store.paths, shared, program('receive'), how),
    secrets,
  );
  await task.wait();
  return task;
}
