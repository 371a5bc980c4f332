import { readFileSync } from 'node:fs';
import type { Attributes, Caller, NodeId } from '../fs/index.ts';
import type { Request } from './protocol/request.ts';
import type { Session } from './session.ts';

/** The set-id bits of files, which a change by others clears (inode(7)). */

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o010;

/** Whether a mode has bits that a write may have to clear. */
const hasSetId = (mode: number): boolean => (mode & (S_ISUID | S_ISGID)) !== 0;

/**
 * Clears the set-id bits that a change by this caller, who has no CAP_FSETID, may not leave.
 * Returns the attributes where that changed them.
 */
export function dropSetId(
  session: Session,
  node: NodeId,
  request: Request,
): Attributes | undefined {
  const { attr } = session.fileSystem.getattr(node, undefined);
  if (!hasSetId(attr.mode)) return undefined;
  const { caller } = request;
  const kept = attr.mode & ~lostBits(attr.mode, () => isMember(caller, attr.gid));
  if (kept === attr.mode) return undefined;
  return session.fileSystem.setattr(node, undefined, { mode: kept & 0o7777 }, caller);
}

/** The same where the kernel does not say whether the caller has CAP_FSETID: root has. */
export function dropSetIdUnlessRoot(session: Session, node: NodeId, request: Request): void {
  if (request.caller.uid !== 0) dropSetId(session, node, request);
}

/** Clears set-group-id, of a directory too: who is not of the group changed its access list. */
export function dropSetGroupId({ fileSystem }: Session, node: NodeId, caller: Caller): void {
  const { attr } = fileSystem.getattr(node, undefined);
  if ((attr.mode & S_ISGID) === 0) return;
  fileSystem.setattr(node, undefined, { mode: attr.mode & 0o7777 & ~S_ISGID }, caller);
}

/** Set-group-id without execution by the group stays where the caller is root or of the group. */
function lostBits(mode: number, isMemberOfGroup: () => boolean): number {
  const group = mode & S_ISGID && (mode & S_IXGRP || !isMemberOfGroup()) ? S_ISGID : 0;
  return (mode & S_ISUID) | group;
}

const isMember = ({ uid, gid, pid }: Caller, group: number): boolean =>
  uid === 0 || gid === group || supplementaryGroups(pid).includes(group);

/**
 * The kernel passes only a caller's first group; the others are had while its process is visible.
 */
function supplementaryGroups(pid: number): readonly number[] {
  try {
    const [, list = ''] = /^Groups:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return list.trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
