import type { Writable } from 'node:stream';
import type { Reindexed } from '../archive/maintain/index.ts';
import type { Artifact } from '../artifacts/index.ts';
import {
  type ArtifactTree,
  copyToLocal,
  copyToTask,
  exportTree,
  joinPath,
  openLocalSource,
  openTaskSource,
  openTree,
  sizesOfDirectories,
  spoolTar,
  walk,
} from '../artifacts/index.ts';
import {
  assertSealable,
  cancel,
  followEvents,
  pause,
  reachRun,
  removeTasks,
  renameTask,
  resume,
  sealAgain,
  type TaskView,
  type Usage,
  viewTask,
  waitFor,
} from '../runner/index.ts';
import type { ArtifactType } from '../store/index.ts';
import {
  absolutePath,
  isFinal,
  parseTaskName,
  pin,
  readEvents,
  type TaskEvent,
  taskPaths,
  unpin,
} from '../store/index.ts';
import { type ExecEnd, type ExecOptions, execIn } from './exec.ts';
import { packedFiles, sharedTask } from './export-stream.ts';
import type { Store } from './store.ts';
import { fileStream, type LogOptions, logStream } from './streams.ts';

/** What is known of one file or directory of a task. */
export interface ArtifactInfo {
  /** From the top of the task's files; bytes that are not UTF-8 show as U+FFFD. */
  readonly path: string;
  /** The path as it is on disk; every function that takes a path takes this one too. */
  readonly rawPath: Uint8Array;
  readonly type: ArtifactType;
  /** Bytes. */
  readonly size: number;
  /** Permission bits: mode & 0o7777. */
  readonly mode: number;
  readonly mtime: Date;
}

/** What a directory of a task holds, with all below it. */
export interface DirectoryInfo extends Pick<ArtifactInfo, 'path' | 'rawPath'> {
  readonly bytes: number;
}

/** How files are sealed; by default as their run said. */
export interface SealOptions {
  /** How long writers of them get to close them. */
  readonly drainMs?: number;
  /** Seals what editors on a mount left beside them as well. */
  readonly keepEditorFiles?: boolean;
}

/** How `copyOut` and `copyIn` copy. */
export interface CopyOptions {
  /** Where the source is a link, copies what it leads to. */
  readonly followLink?: boolean;
  /** Of a directory copies what is in it. */
  readonly contents?: boolean;
  /** Keeps set-user-ID and set-group-ID bits. */
  readonly keepSetId?: boolean;
}

/** How much was copied. */
export interface Transferred {
  readonly files: number;
  readonly bytes: number;
}

/**
 * One task, live or ended. Files are read where they are: in staging while it runs, decrypted from
 * its archive afterwards. Paths are from the top of its files; one that leads out is refused with
 * `usage`, one that is not there with `not-found`.
 */
export interface Task {
  readonly name: string;
  /** As it stands now; what `taskfs status --json` prints. */
  status(): TaskView;
  /** Resolves once it has ended and its files are sealed or kept. Throws `failed`. */
  wait(): Promise<TaskView>;
  /** What happened, from its beginning, and what happens until it is sealed or kept. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<TaskEvent>;
  /** Asks for its end, at once with `kill`; false where it had ended. `wait` waits for it. */
  cancel(options?: { readonly kill?: boolean }): Promise<boolean>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Everything below a directory, the top by default, each directory before what is in it. */
  list(path?: string | Uint8Array): Promise<ArtifactInfo[]>;
  /** A file's bytes; nothing is read before they are asked for. */
  stream(path: string | Uint8Array): Promise<ReadableStream<Uint8Array>>;
  /** A file in memory, with its type by its name. */
  blob(path: string | Uint8Array): Promise<Blob>;
  /** What it printed so far, or some lines of that; with `follow`, until it has ended. */
  log(options?: LogOptions): Promise<ReadableStream<Uint8Array>>;
  /** Copies all files into a new or empty directory. */
  export(directory: string): Promise<Transferred>;
  /**
   * A file or directory as one stream, all files by default: a pax tar, or a zip, which knows modes
   * and times alone.
   */
  pack(format: 'tar' | 'zip', path?: string | Uint8Array): ReadableStream<Uint8Array>;
  /** Copies what is in a tar into a directory of its files; it must be live. */
  unpack(tar: AsyncIterable<Uint8Array>, path?: string | Uint8Array): Promise<Transferred>;
  /** Its archive for these recipients alone, as of `taskfs share`; it must be sealed. */
  share(recipients: readonly string[]): ReadableStream<Uint8Array>;
  /**
   * Copies a file or directory of its to a path of this machine, as `taskfs cp` does: into a
   * directory that is there, else under the last name of the path.
   */
  copyOut(
    path: string | Uint8Array,
    destination: string,
    options?: CopyOptions,
  ): Promise<Transferred>;
  /** The same of a path of this machine into its files; it must be live. */
  copyIn(source: string, path: string | Uint8Array, options?: CopyOptions): Promise<Transferred>;
  /**
   * Runs a further command where it runs, as `taskfs exec` does, with the standard output and
   * error of this process; it must run. Resolves once that command has ended.
   */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecEnd>;
  /** Sends its command a signal, as `taskfs attach` does; it must run. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /**
   * Its input, where it has one that others can write to, as `taskfs attach` does; it must run.
   * Ending it does not end that of the task.
   */
  input(): Promise<Writable | undefined>;
  /** What it uses now; it must run. Undefined where it is about to end. */
  usage(): Promise<Usage | undefined>;
  /** What each directory of it holds, the largest first; the path of the top is empty. */
  sizes(): Promise<DirectoryInfo[]>;
  /** Seals its files where that failed; it must have ended. Throws `usage`, `failed`. */
  seal(options?: SealOptions): Promise<TaskView>;
  /** Rebuilds the index of its archive from the tar, if it is damaged. Throws `damaged`. */
  reindex(): Promise<Reindexed>;
  /** Gives it another name, once it is sealed; this object stays with the old one. */
  rename(name: string): Promise<Task>;
  /** Nothing removes it until `unpin`. */
  pin(): void;
  unpin(): void;
  /** Removes it for good; it must have ended, unless `force` ends it. */
  remove(options?: { readonly force?: boolean }): Promise<void>;
}

/** A task of a store by its name. Throws `not-found`, `usage` for what is no name. */
export function openTask(store: Store, name: string): Task {
  const task = parseTaskName(name);
  const { paths, identities } = store;
  viewTask(paths, task);
  const open = (): Promise<ArtifactTree> => openTree(paths, task, identities);
  return {
    name: task,
    status: () => viewTask(paths, task),
    wait: async () => {
      await waitFor(paths, task);
      return viewTask(paths, task);
    },
    events: (options) => eventsUntilSettled(store, task, options?.signal),
    cancel: (options) => cancel(paths, task, options),
    pause: () => pause(paths, task),
    resume: () => resume(paths, task),
    list: async (path = '') => {
      using tree = await open();
      return [...infosBelow(tree, Buffer.from(path))];
    },
    stream: async (path) => fileStream(await open(), path),
    blob: async (path) => {
      const { default: mime } = await import('mime');
      const type = mime.getType(Buffer.from(path).toString()) ?? '';
      const content = await new Response(fileStream(await open(), path)).arrayBuffer();
      return new Blob([content], { type });
    },
    log: (options = {}) => logStream(store, task, options),
    copyOut: async (path, destination, options = {}) => {
      using tree = await open();
      using source = openTaskSource(tree, task, path, options);
      return transferred(copyToLocal(source, Buffer.from(absolutePath(destination)), options));
    },
    copyIn: async (from, path, options = {}) => {
      using source = openLocalSource(Buffer.from(absolutePath(from)), options);
      return transferred(copyToTask(source, paths, task, Buffer.from(path), options));
    },
    unpack: async (stream, path = '') => {
      using tar = await spoolTar(stream, paths);
      return transferred(copyToTask({ tar }, paths, task, Buffer.from(path)));
    },
    exec: (command, options = {}) => execIn(store, task, command, options),
    signal: async (signal) => (await reachRun(paths, task)).signal(signal),
    input: async () => (await (await reachRun(paths, task)).openInput?.())?.stream,
    usage: async () => (await reachRun(paths, task)).usage(),
    sizes: async () => {
      using tree = await open();
      return sizesOfDirectories(tree).map(({ path: rawPath, bytes }) => ({
        path: rawPath.toString(),
        rawPath,
        bytes,
      }));
    },
    seal: async (options = {}) => {
      assertSealable(paths, task);
      await sealAgain(paths, task, options);
      return viewTask(paths, task);
    },
    reindex: async () => {
      const { reindexTask } = await import('../archive/maintain/index.ts');
      return reindexTask(paths, task, { identities: await identities() });
    },
    rename: async (newName) => {
      const parsed = parseTaskName(newName);
      await renameTask(paths, task, parsed, identities);
      return openTask(store, parsed);
    },
    export: async (directory) => {
      using tree = await open();
      using top = tree.find('', 'keep');
      return transferred(exportTree(top, directory));
    },
    pack: (format, path = '') => ReadableStream.from(packedFiles(store, task, format, path)),
    share: (recipients) => ReadableStream.from(sharedTask(store, task, recipients)),
    pin: () => pin(paths, task),
    unpin: () => unpin(paths, task),
    remove: async ({ force } = {}) => {
      const { failed } = await removeTasks(paths, [task], { force });
      for (const { error } of failed) throw error;
    },
  };
}

const transferred = ({ files, bytes }: Transferred): Transferred => ({ files, bytes });

async function* eventsUntilSettled(
  { paths }: Store,
  task: ReturnType<typeof parseTaskName>,
  signal: AbortSignal | undefined,
): AsyncGenerator<TaskEvent> {
  const ended = new AbortController();
  const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  let seen = 0;
  for await (const event of followEvents(paths, { task, fromStart: true, signal: either })) {
    seen += 1;
    yield event;
    // Asked before the events are read: none comes after these.
    const { status, artifacts } = viewTask(paths, task);
    const isSettled = isFinal(status) && artifacts !== 'live' && artifacts !== 'sealing';
    if (isSettled && seen === readEvents(taskPaths(paths, task).events).length) ended.abort();
  }
}

function* infosBelow(tree: ArtifactTree, path: Buffer): Generator<ArtifactInfo> {
  using top = tree.find(path, 'follow');
  for (const step of walk(top)) {
    if (step.type === 'leave') continue;
    const full = joinPath(path, step.path);
    yield artifactInfo(full, step.artifact);
  }
}

function artifactInfo(rawPath: Buffer, artifact: Artifact): ArtifactInfo {
  const { type, size, mode, mtimeNs } = artifact;
  const mtime = new Date(Number(mtimeNs / 1_000_000n));
  return { path: rawPath.toString(), rawPath, type, size, mode, mtime };
}
