import { closeSync, constants, openSync, readSync } from 'node:fs';
import { Errno, errno, unlessRefused } from '../errno.ts';
import { TaskfsError } from '../errors.ts';
import { reopenForReading, typeOfMode, withoutOwnXattrs } from '../store/index.ts';
import {
  accessAcl,
  dataExtents,
  listDirectory,
  modeWithAcl,
  O_PATH,
  openInMount,
  peekAt,
  readlinkAt,
  type Stat,
  statAt,
  statFd,
  userXattrs,
} from '../sys/index.ts';
import { type Artifact, type ArtifactNode, joinPath } from './artifact.ts';

/** The errors of a tree on disk, in the words of whoever shows it; paths are from its top. */
export interface DiskErrors {
  missing(path: Buffer): TaskfsError;
  unreadable(path: Buffer, cause: unknown): TaskfsError;
}

/**
 * A node of a tree on disk around an O_PATH descriptor, which it owns; others may change the tree
 * meanwhile. `path` is from the top of the tree, `name` what the node is called.
 */
export function diskNode(
  pinned: number,
  path: Buffer,
  errors: DiskErrors,
  name: Buffer = path.subarray(path.lastIndexOf('/') + 1),
): ArtifactNode {
  const explain = (cause: unknown): TaskfsError => errors.unreadable(path, cause);
  let reader: number | undefined;
  const open = (): number => {
    try {
      // What is pinned stays what it is: a pipe would wait, and a device act on being opened.
      if (artifact.type !== 'file') throw new Error(`it is a ${artifact.type}`);
      reader ??= reopenForReading(pinned);
      return reader;
    } catch (cause) {
      throw explain(cause);
    }
  };
  const stat = statFd(pinned);
  const artifact = describe(name, stat, () => readlinkAt(pinned, ''));
  return {
    artifact,
    key: `${stat.dev}:${stat.ino}`,
    parent: () => openParent(path, pinned, errors),
    list: () => listEntries(pinned, explain),
    child: (childName) => {
      const childPath = joinPath(path, childName);
      try {
        const flags = O_PATH | constants.O_NOFOLLOW;
        return diskNode(openInMount(pinned, childName, flags), childPath, errors);
      } catch (cause) {
        if (isGone(cause)) throw errors.missing(childPath);
        throw errors.unreadable(childPath, cause);
      }
    },
    read: (into, offset) => {
      try {
        return readSync(open(), into, 0, into.length, offset);
      } catch (cause) {
        throw cause instanceof TaskfsError ? cause : explain(cause);
      }
    },
    *data() {
      const fd = open();
      for (const { start, end } of dataExtents(fd, statFd(fd).size)) {
        yield { start: Number(start), length: Number(end - start) };
      }
    },
    plainMode: () => modeWithAcl(artifact.mode, accessAcl(pinned)),
    xattrs: () => withoutOwnXattrs(userXattrs(pinned)),
    [Symbol.dispose]: () => {
      if (reader !== undefined) closeSync(reader);
      closeSync(pinned);
    },
  };
}

function openParent(path: Buffer, pinned: number, errors: DiskErrors): ArtifactNode | undefined {
  const above = path.subarray(0, Math.max(0, path.lastIndexOf('/')));
  const flags = O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY;
  return unlessRefused(() => diskNode(openInMount(pinned, '..', flags), above, errors));
}

/**
 * Lists a directory from its beginning, through a descriptor that is there for the listing alone.
 */
function* listEntries(
  pinned: number,
  explain: (cause: unknown) => TaskfsError,
): Generator<Artifact> {
  const own = openForListing(pinned, explain);
  try {
    const { mount } = statFd(own);
    for (const { name } of listDirectory(own)) {
      const found = ifThere(() => {
        const seen = peekAt(own, name);
        const isMountPoint = seen.mount !== mount;
        // The server of what is mounted there is not asked: it may hang.
        const stat = isMountPoint ? seen : statAt(own, name);
        const artifact = describe(name, stat, () => readlinkAt(own, name));
        return isMountPoint ? { ...artifact, isMountPoint } : artifact;
      });
      if (found) yield found;
    }
  } catch (cause) {
    throw explain(cause);
  } finally {
    closeSync(own);
  }
}

function openForListing(pinned: number, explain: (cause: unknown) => TaskfsError): number {
  try {
    return openSync(`/proc/self/fd/${pinned}`, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    throw explain(cause);
  }
}

function ifThere<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

// EINVAL: it was a symlink at stat, and something else at readlink.
const isGone = (error: unknown): boolean =>
  error instanceof Errno && [errno.ENOENT, errno.ENOTDIR, errno.EINVAL].includes(error.errno);

function describe(name: Buffer, stat: Stat, readTarget: () => Buffer): Artifact {
  const type = typeOfMode(stat.mode);
  return {
    name,
    type,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: Number(stat.size),
    atimeNs: stat.atimeNs,
    mtimeNs: stat.mtimeNs,
    target: type === 'symlink' ? readTarget() : null,
    identity: type !== 'directory' && stat.nlink > 1 ? `${stat.dev}:${stat.ino}` : null,
  };
}
