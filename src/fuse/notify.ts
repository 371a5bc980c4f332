import { writeSync } from 'node:fs';
import type { Change, NodeId } from '../fs/index.ts';
import { EXPIRE_ONLY, NOTIFY } from './protocol/constants.ts';
import { writeU64 } from './protocol/struct.ts';
import { notifyInvalEntry, notifyInvalInode, outHeader } from './protocol/structs.ts';

/**
 * Notifications: messages to the kernel that answer no request, here that something in its caches
 * is old. Written to the same device by any thread, but never from the handler of a request for
 * the same inode, which the kernel holds locked.
 */

/** Makes the kernel forget a name, over the connection's descriptor. */
export function sendForget(device: number, directory: NodeId, name: string): void {
  send(device, forgetEntry(directory, Buffer.from(name)));
}

/**
 * Invalidates in the kernel's caches, over the connection's descriptor, what a change made old.
 */
export function sendChange(device: number, change: Change): void {
  const { directory, name, node } = change;
  if (directory === undefined) {
    send(device, expireAll());
    return;
  }
  send(device, change.isListingOld ? invalidateInode(directory) : invalidateAttributes(directory));
  if (node !== undefined) {
    send(device, change.isContentOld ? invalidateInode(node) : invalidateAttributes(node));
  }
  if (name.length > 0) send(device, expireEntry(directory, name));
}

/** Has the kernel drop the pages and attributes that it keeps of a node. */
export const sendOldPages = (device: number, node: NodeId): void =>
  send(device, invalidateInode(node));

function send(device: number, message: Buffer): void {
  try {
    writeSync(device, message);
  } catch {
    // The kernel does not have the name or the directory in its caches (ENOENT, ENOTDIR), is too
    // old for the message (EINVAL), or the mount is gone (ENODEV): nothing is to be invalidated.
  }
}

/**
 * The node's attributes and the cached content from `offset` on are old; length 0 is all of it.
 */
function invalidateInode(node: NodeId, offset = 0n, length = 0n): Buffer {
  const { bytes, view, body } = message(NOTIFY.INVAL_INODE, notifyInvalInode.size);
  const n = notifyInvalInode.at;
  writeU64(view, body + n.ino, node);
  view.setBigInt64(body + n.off, offset, true);
  view.setBigInt64(body + n.len, length, true);
  return bytes;
}

/**
 * The node's attributes are old, its content is not. May be sent while the node is being opened.
 */
export const invalidateAttributes = (node: NodeId): Buffer => invalidateInode(node, -1n);

/**
 * What the kernel has cached of this name in the directory `parent` is old: it looks the name up
 * again when it is used next. Kernels before 7.38 forget the name at once. The kernel locks the
 * directory for this: never from the thread that answers requests.
 */
const expireEntry = (parent: NodeId, name: Uint8Array): Buffer =>
  invalidateEntry(parent, name, EXPIRE_ONLY);

/**
 * The kernel forgets this name at once, and unmounts what is mounted on it or beneath it, lazily
 * and in every mount namespace. It locks the directory, as for `expireEntry`.
 */
const forgetEntry = (parent: NodeId, name: Uint8Array): Buffer => invalidateEntry(parent, name, 0);

function invalidateEntry(parent: NodeId, name: Uint8Array, flags: number): Buffer {
  const { bytes, view, body } = message(
    NOTIFY.INVAL_ENTRY,
    notifyInvalEntry.size + name.length + 1,
  );
  const n = notifyInvalEntry.at;
  writeU64(view, body + n.parent, parent);
  view.setUint32(body + n.namelen, name.length, true);
  view.setUint32(body + n.flags, flags, true);
  bytes.set(name, body + notifyInvalEntry.size);
  return bytes;
}

/** All names are old (7.44 and later; others refuse it). */
export const expireAll = (): Buffer => message(NOTIFY.INC_EPOCH, 0).bytes;

/** A zeroed message whose header says a notification (unique 0) of this code. */
function message(code: number, length: number) {
  const body = outHeader.size;
  const bytes = Buffer.alloc(body + length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(outHeader.at.len, bytes.length, true);
  view.setInt32(outHeader.at.error, code, true);
  return { bytes, view, body };
}
