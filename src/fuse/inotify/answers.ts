import { Errno, errno } from '../../errno.ts';
import { type Attr, type Attributes, type Entry, ROOT } from '../../fs/index.ts';
import { latin1Of } from '../../latin1.ts';
import { S_IFDIR } from '../../sys/index.ts';
import { handlers } from '../handlers/index.ts';
import { writeAttributes, writeEntry, writeMissing, writeStatx } from '../protocol/attributes.ts';
import { FATTR, FOPEN } from '../protocol/constants.ts';
import { OP } from '../protocol/opcode.ts';
import { Reply } from '../protocol/reply.ts';
import type { Request } from '../protocol/request.ts';
import { writeU64 } from '../protocol/struct.ts';
import {
  createIn,
  getxattrIn,
  mkdirIn,
  mknodIn,
  openOut,
  rename2In,
  renameIn,
  setattrIn,
  statxOut,
} from '../protocol/structs.ts';
import type { Handler, Session } from '../session.ts';
import { DONE, ELSEWHERE, isSame, type ReplayPlace } from './batch.ts';
import { ELSEWHERE_NODE, elsewhere, placeholder, REPLAY_HANDLE } from './placeholders.ts';
import type { Replayer } from './replayer.ts';

/**
 * How the notifier is answered: the calls that it was sent to make succeed and do nothing, upon
 * which the kernel raises their events. Its other changes are refused; whatever else it asks is
 * answered as anybody is.
 */

const lookup: Handler = (session, request, reply) => {
  const replayer = replayerOf(session);
  const found = find(replayer, { directory: request.node, name: latin1Of(request.name()) });
  if (!found) return writeMissing(reply.view, Reply.body, 0);
  if (request.node === ROOT && found.node !== ELSEWHERE_NODE) {
    return writeEntry(reply.view, Reply.body, found);
  }
  replayer.noteGiven(found);
  const attr = permitted(session, found.attr);
  return writeEntry(reply.view, Reply.body, { ...found, attr, entryTtlMs: 0, attrTtlMs: 0 });
};

/** The server's own ids, and so the notifier's. */
const OWN_UID = process.geteuid?.() ?? 0;
const OWNER_MAY_WRITE = 0o300;

/**
 * Where others may enter, the kernel judges the notifier by modes as it does everybody: so what it
 * is to touch is its own, and writable, as it is answered. The kernel keeps that until anybody
 * asks again, which it does before it judges; whoever came in between would have the server's own
 * rights at most, for the server is the same user.
 */
function permitted({ requested }: Session, attr: Attr): Attr {
  if (!requested.kernelChecksAccess || OWN_UID === 0) return attr;
  return { ...attr, uid: OWN_UID, mode: attr.mode | OWNER_MAY_WRITE };
}

/** What a name is to be, so that the replay about it can be made. */
function find(replayer: Replayer, place: ReplayPlace): Entry | undefined {
  if (place.directory === ROOT && place.name === ELSEWHERE) return elsewhere();
  if (place.directory === ELSEWHERE_NODE) return findElsewhere(replayer, Number(place.name));
  const replay = replayer.about(place);
  if (!replay) return findOnPath(replayer, place);
  const { type } = replay;
  switch (replay.kind) {
    case 'file':
      return replay.created ? undefined : touched(replayer, place, type);
    case 'delete':
      return replayer.formerEntry(place, type) ?? placeholder(type);
    case 'move':
      if (isSame(replay.to, place)) return replayer.formerEntry(place, type);
      return (
        replayer.lookupOfType(replay.to, type) ??
        replayer.formerEntry(place, type) ??
        placeholder(type)
      );
  }
}

/** What is moved from where nobody watches is already in its new place. */
function findElsewhere(replayer: Replayer, index: number): Entry | undefined {
  const replay = replayer.sent.at(index);
  if (replay?.kind !== 'move' || replay.from) return undefined;
  return replayer.lookupOfType(replay.to, replay.type) ?? placeholder(replay.type);
}

/** A file that was changed, and may be gone since then: that is replayed later. */
const touched = (replayer: Replayer, place: ReplayPlace, type: number): Entry =>
  replayer.lookupOfType(place, type) ?? replayer.formerEntry(place, type) ?? placeholder(type);

/** Directories that are gone lead on to what was in them, so that its removal can be replayed. */
const findOnPath = (replayer: Replayer, place: ReplayPlace): Entry | undefined =>
  replayer.lookup(place) ?? replayer.formerEntry(place, S_IFDIR);

const getattr: Handler = (session, request, reply) =>
  writeAttributes(reply.view, Reply.body, attributesOf(session, request));

const statx: Handler = (session, request, reply) => {
  reply.clear(statxOut.size);
  return writeStatx(reply.view, Reply.body, attributesOf(session, request));
};

function attributesOf(session: Session, { node }: Request): Attributes {
  const { attr, attrTtlMs } = session.fileSystem.getattr(node, undefined);
  replayerOf(session).noteGiven({ node, attr });
  const shown = permitted(session, attr);
  return { attr: shown, attrTtlMs: shown === attr ? attrTtlMs : 0 };
}

/** MKNOD, MKDIR and SYMLINK of a name that was made beneath. `offset` is where the name is. */
const make =
  (offset: number): Handler =>
  (session, request, reply) =>
    writeMade(session, request, reply, offset);

function writeMade(session: Session, request: Request, reply: Reply, offset: number): number {
  const replayer = replayerOf(session);
  const place = { directory: request.node, name: latin1Of(request.name(offset)) };
  const replay = replayer.about(place);
  if (replay?.kind !== 'file' || !replay.created) throw Errno.of(errno.EPERM);
  const made = replayer.lookupOfType(place, replay.type) ?? placeholder(replay.type);
  replayer.sent.made(replay);
  replayer.noteGiven(made);
  return writeEntry(reply.view, Reply.body, { ...made, entryTtlMs: 0, attrTtlMs: 0 });
}

const create: Handler = (session, request, reply) => {
  const at = writeMade(session, request, reply, createIn.size);
  return writeOpened(reply, at);
};

const open: Handler = (session, _request, reply) => {
  if (!replayerOf(session).sent.isTouching) throw Errno.of(errno.EPERM);
  return writeOpened(reply, 0);
};

/** fuse_open_out at an offset of the reply's body: nothing is open, and closing it asks nothing. */
function writeOpened(reply: Reply, offset: number): number {
  const at = Reply.body + offset;
  writeU64(reply.view, at + openOut.at.fh, REPLAY_HANDLE);
  reply.view.setUint32(at + openOut.at.open_flags, FOPEN.NOFLUSH | FOPEN.KEEP_CACHE, true);
  reply.view.setUint32(at + openOut.at.padding, 0, true);
  return offset + openOut.size;
}

const FOR_ALL_TO_SEE = FATTR.MODE | FATTR.UID | FATTR.GID | FATTR.SIZE;

/**
 * New times, which are not set. The attributes are those that were given last: with others the
 * kernel would take pages that it keeps for those of the file as it is now.
 */
const setattr: Handler = (session, request, reply) => {
  const replayer = replayerOf(session);
  const isOfTimes = (request.u32(setattrIn.at.valid) & FOR_ALL_TO_SEE) === 0;
  if (!isOfTimes || !replayer.sent.isTouching) throw Errno.of(errno.EPERM);
  const attr = replayer.givenAttributes(request.node);
  if (!attr) throw Errno.of(errno.EAGAIN);
  return writeAttributes(reply.view, Reply.body, { attr, attrTtlMs: 0 });
};

const remove: Handler = (session, request) => {
  const replayer = replayerOf(session);
  const replay = replayer.about({ directory: request.node, name: latin1Of(request.name()) });
  if (replay?.kind !== 'delete') throw Errno.of(errno.EPERM);
  replayer.sent.made(replay);
  return 0;
};

/** RENAME, and RENAME2 with its larger struct. */
const rename =
  ({ newdir, size }: { readonly newdir: number; readonly size: number }): Handler =>
  (session, request) => {
    const replayer = replayerOf(session);
    const [oldName, newName] = request.twoNames(size);
    const old = { directory: request.node, name: latin1Of(oldName) };
    const fresh = { directory: request.u64(newdir), name: latin1Of(newName) };
    const replay = replayer.about(old) ?? replayer.about(fresh);
    if (replay?.kind !== 'move') throw Errno.of(errno.EPERM);
    if (!isHalf(replay.from, old) || !isHalf(replay.to, fresh)) throw Errno.of(errno.EPERM);
    replayer.sent.made(replay);
    return 0;
  };

const isHalf = (half: ReplayPlace | undefined, place: ReplayPlace): boolean =>
  half ? isSame(half, place) : place.directory === ELSEWHERE_NODE;

/** The notifier says by an attribute's name that a group is done. */
const getxattr: Handler = (session, request, reply) => {
  const name = latin1Of(request.name(getxattrIn.size));
  if (!name.startsWith(DONE)) return handlers.get(OP.GETXATTR)?.(session, request, reply) ?? 0;
  replayerOf(session).done(Number(name.slice(DONE.length)));
  return 0;
};

const nothing: Handler = () => 0;
const refuse: Handler = () => {
  throw Errno.of(errno.EPERM);
};

function replayerOf({ replayer }: Session): Replayer {
  if (!replayer) throw Errno.of(errno.EPERM);
  return replayer;
}

/** What is not here is answered as to anybody. */
export const answers: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [OP.LOOKUP, lookup],
  [OP.GETATTR, getattr],
  [OP.STATX, statx],
  [OP.MKNOD, make(mknodIn.size)],
  [OP.MKDIR, make(mkdirIn.size)],
  [OP.SYMLINK, make(0)],
  [OP.CREATE, create],
  [OP.OPEN, open],
  [OP.FLUSH, nothing],
  [OP.SETATTR, setattr],
  [OP.UNLINK, remove],
  [OP.RMDIR, remove],
  [OP.RENAME, rename({ newdir: renameIn.at.newdir, size: renameIn.size })],
  [OP.RENAME2, rename({ newdir: rename2In.at.newdir, size: rename2In.size })],
  [OP.GETXATTR, getxattr],
  ...[
    OP.LINK,
    OP.TMPFILE,
    OP.WRITE,
    OP.FALLOCATE,
    OP.COPY_FILE_RANGE,
    OP.COPY_FILE_RANGE_64,
    OP.SETXATTR,
    OP.REMOVEXATTR,
    OP.IOCTL,
  ].map((opcode): [number, Handler] => [opcode, refuse]),
]);
