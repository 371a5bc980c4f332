import { closeSync, constants, fstatSync, realpathSync } from 'node:fs';
import { reasonOf, TaskfsError } from '../errors.ts';
import {
  parseArtifactPath,
  readRecord,
  type Store,
  showPath,
  type TaskName,
  takeLock,
  taskPaths,
} from '../store/index.ts';
import { AT, monotonicMs, O_PATH, openAt, statFd } from '../sys/index.ts';
import type { TarSource } from '../tar/index.ts';
import type { ArtifactNode, ArtifactTree } from './artifact.ts';
import { CopyTarget } from './copy-target.ts';
import {
  type Destination,
  localDestination,
  noDirectory,
  splitPath,
  stagingDestination,
} from './destination.ts';
import { type DiskErrors, diskNode } from './disk-node.ts';
import { type Copied, type CopyOptions, TreeCopy } from './tree-copy.ts';
import { unpackTar } from './unpack-tar.ts';

/** Something of a task, or of this machine, that is copied. */
export interface NodeSource {
  readonly node: ArtifactNode;
  /** What it is called in a directory that it is copied into. */
  readonly name: Buffer;
  /** Of a directory: what is in it, not itself. */
  readonly isContents: boolean;
}

/** What is copied: such a thing, or what is in a tar. */
export type CopySource = NodeSource | { readonly tar: TarSource };

/** How much of what a path leads to is meant. */
export interface SourceOptions {
  /** Where it is a link: what that leads to. */
  readonly followLink?: boolean | undefined;
  /** Of a directory: what is in it. */
  readonly contents?: boolean | undefined;
}

/** What is at an absolute path of this machine; to be disposed. Throws `not-found`, `failed`. */
export function openLocalSource(
  path: Buffer,
  { followLink = false, contents = false }: SourceOptions = {},
): NodeSource & Disposable {
  const { name } = splitPath(path);
  return nodeSource(
    openLocalNode(path, lastLinkOf(followLink)),
    name,
    contents || name.length === 0,
  );
}

/** What is at a path in a tree of a task's files; to be disposed. Throws as the tree's `find`. */
export function openTaskSource(
  tree: ArtifactTree,
  task: TaskName,
  path: Uint8Array | string,
  { followLink = false, contents = false }: SourceOptions = {},
): NodeSource & Disposable {
  const parsed = parseArtifactPath(task, path);
  const name = parsed.length === 0 ? Buffer.from(task) : splitPath(parsed).name;
  return nodeSource(tree.find(parsed, lastLinkOf(followLink)), name, contents);
}

const nodeSource = (
  node: ArtifactNode,
  name: Buffer,
  isContents: boolean,
): NodeSource & Disposable => ({
  node,
  name,
  isContents,
  [Symbol.dispose]: () => node[Symbol.dispose](),
});

const lastLinkOf = (followLink: boolean): 'follow' | 'keep' => (followLink ? 'follow' : 'keep');

/**
 * Something of this machine, itself or, where it is a link, what it leads to. Throws `not-found`.
 */
function openLocalNode(path: Buffer, lastLink: 'follow' | 'keep'): ArtifactNode {
  const errors: DiskErrors = {
    missing: (below) => missing(showPath(below)),
    unreadable: (below, cause) => {
      const file = `'${showPath(below)}' in ${showPath(path)}`;
      const message = `${file} cannot be read: ${reasonOf(cause)}`;
      return new TaskfsError('failed', message, { cause });
    },
  };
  try {
    const real = lastLink === 'follow' ? realpathSync(path, { encoding: 'buffer' }) : path;
    const pinned = openAt(AT.FDCWD, real, O_PATH | constants.O_NOFOLLOW);
    return diskNode(pinned, Buffer.alloc(0), errors);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(showPath(path));
    throw new TaskfsError('failed', `${showPath(path)} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

const missing = (shown: string): TaskfsError =>
  new TaskfsError('not-found', `there is no ${shown}`, { hint: 'Check its spelling.' });

/**
 * Copies to a path of this machine, as cp(1) and docker do: into a directory that is there, else
 * under the last name of the path. Directories are merged, files replaced, each at once; nothing is
 * written through a link that the copy meets on its way. Throws `usage`, `not-found`, `failed`.
 */
export function copyToLocal(
  source: CopySource,
  path: Buffer,
  options: Pick<CopyOptions, 'keepSetId'> = {},
): Copied {
  return copyTo(source, localDestination(path), options);
}

/**
 * The same into the files of a live task. As root, what is copied becomes that of the owner of the
 * directory that it goes into, so that the task may change it. Throws `usage` where the task has
 * ended, also where it ends meanwhile: sealing waits for what is being copied as for any writer.
 */
export function copyToTask(
  source: CopySource,
  store: Store,
  task: TaskName,
  path: Buffer,
  options: Pick<CopyOptions, 'keepSetId'> = {},
): Copied {
  const paths = taskPaths(store, task);
  const { artifacts } = readRecord(paths.record, task);
  if (artifacts !== 'live') throw ended(task, artifacts === 'sealed' ? 'is sealed' : 'has ended');
  using lock = takeLock(paths.writers, 'shared');
  if (!lock) throw ended(task, 'has ended');
  let checkedAt = Number.NEGATIVE_INFINITY;
  const onEach = (): void => {
    const now = monotonicMs();
    if (now - checkedAt < CHECK_MS) return;
    checkedAt = now;
    const { artifacts } = readRecord(paths.record, task);
    if (artifacts !== 'live') throw ended(task, 'ended meanwhile');
  };
  const rules = { ...options, onEach, forTask: true };
  return copyTo(source, stagingDestination(store, task, path), rules);
}

/** How often it is looked whether the task still runs, in milliseconds. */
const CHECK_MS = 20;

const ended = (task: TaskName, how: string): TaskfsError =>
  new TaskfsError('usage', `task ${task} ${how}: its files do not change any more`, {
    hint: `An archive is read-only. 'taskfs cp ${task}:PATH DEST' copies from it.`,
  });

interface Rules extends CopyOptions {
  /** What is copied becomes that of the directory's owner. */
  readonly forTask?: boolean;
}

function copyTo(source: CopySource, destination: Destination, rules: Rules): Copied {
  const { directory, name } = placeIn(source, destination);
  using target = new CopyTarget(directory, 'replace');
  const { forTask, ...options } = rules;
  const owner = forTask ? fstatSync(target.root) : undefined;
  if ('node' in source) assertNotWithin(source.node, target.root, destination.shown);
  const copy = new TreeCopy(target, { ...options, ...(owner && { owner }) });
  try {
    if ('tar' in source) unpackTar(source.tar, target, copy);
    else if (name === undefined) copy.fill(source.node);
    else copy.copyAs(source.node, name);
  } catch (cause) {
    if (cause instanceof TaskfsError) throw cause;
    throw new TaskfsError('failed', `cannot write ${destination.shown}: ${reasonOf(cause)}`, {
      hint: 'What was copied so far is there.',
      cause,
    });
  }
  return copy;
}

/** Refuses to copy a directory into itself, which would not end. */
function assertNotWithin({ key }: ArtifactNode, directory: number, shown: string): void {
  const { O_DIRECTORY } = constants;
  let above = '';
  let fd = openAt(directory, '.', O_PATH | O_DIRECTORY);
  try {
    for (;;) {
      const { dev, ino } = statFd(fd);
      const here = `${dev}:${ino}`;
      if (here === key) break;
      if (here === above) return;
      above = here;
      const next = openAt(fd, '..', O_PATH | O_DIRECTORY);
      closeSync(fd);
      fd = next;
    }
  } finally {
    closeSync(fd);
  }
  throw new TaskfsError('usage', `${shown} lies inside the directory that is to be copied`, {
    hint: 'Copy to another place.',
  });
}

/** The directory that is written to, and the name there; no name: what is in it. */
function placeIn(
  source: CopySource,
  destination: Destination,
): { readonly directory: number; readonly name: Buffer | undefined } {
  const { type, shown, name, isDirectoryName } = destination;
  if ('tar' in source) {
    if (type !== 'directory') throw noDirectory(shown);
    return { directory: destination.openDirectory(), name: undefined };
  }
  const isTree = source.node.artifact.type === 'directory';
  if (type === 'directory') {
    const isContents = isTree && source.isContents;
    return { directory: destination.openDirectory(), name: isContents ? undefined : source.name };
  }
  if (isTree && type !== undefined) throw inTheWay(shown, type, 'a directory');
  if (type !== undefined && type !== 'file') throw inTheWay(shown, type, 'a file');
  if (!isTree && isDirectoryName) throw noDirectory(shown);
  return { directory: destination.openParent(), name };
}

const inTheWay = (shown: string, type: string, what: string): TaskfsError =>
  new TaskfsError('usage', `${shown} is a ${type}: ${what} cannot replace it`, {
    hint: 'Copy to another place.',
  });
