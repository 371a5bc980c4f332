import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TaskfsError } from '../errors.ts';
import { textOrEmpty } from '../sys/index.ts';

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;
const STICKY = 0o1000;
const GROUP_MAY_WRITE = 0o020;
const OTHERS_MAY_WRITE = 0o002;

/**
 * Refuses a place for a store where another user could put a directory or a link in its stead:
 * every directory on the way must be root's or one's own, and writable by nobody else unless it is
 * sticky, as /tmp. What does not exist yet is not checked. Throws `usage`.
 */
export function assertSafePlace(store: string): void {
  let links = 0;
  const todo = partsOf(resolve(store));
  let here = '/';
  assertOurs(store, here);
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    const next = part === '..' ? dirname(here) : resolve(here, part);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (!stat) return;
    if (!stat.isSymbolicLink()) {
      // The store itself is for whoever opens it to look at.
      if (todo.length > 0) assertDirectory(store, next, stat);
      if (todo.length > 0) assertOurs(store, next);
      here = next;
      continue;
    }
    if (++links > MAX_LINKS) return;
    if (!isTrusted(stat.uid)) throw refusal(store, next, { who: `belongs to uid ${stat.uid}` });
    const target = readlinkSync(next);
    todo.unshift(...partsOf(target));
    if (target.startsWith('/')) here = '/';
  }
}

function assertDirectory(store: string, path: string, stat: Stats): void {
  if (stat.isDirectory()) return;
  throw new TaskfsError('usage', `the store cannot be ${store}: ${path} is not a directory`, {
    hint: 'Choose another place with --store or TASKFS_STORE.',
  });
}

const partsOf = (path: string): string[] =>
  path.split('/').filter((part) => part !== '' && part !== '.');

function assertOurs(store: string, directory: string): void {
  const danger = dangerOf(lstatSync(directory));
  if (danger) throw refusal(store, directory, danger);
}

/** Who could replace what is in a directory, and whether chmod would prevent it. */
interface Danger {
  readonly who: string;
  readonly byMode?: boolean;
}

function refusal(store: string, path: string, { who, byMode = false }: Danger): TaskfsError {
  const place = `the store ${store} lies below ${path}`;
  const message = `${place}, which ${who}: it could be replaced by another`;
  const remedy =
    `Take that right away ('chmod go-w ${path}', or 'chmod +t ${path}' where others need ` +
    'it), or choose';
  return new TaskfsError('usage', message, {
    hint: `${byMode ? remedy : 'Choose'} another place with --store or TASKFS_STORE.`,
  });
}

function dangerOf({ uid, gid, mode }: Stats): Danger | undefined {
  if (!isTrusted(uid)) return { who: `belongs to uid ${uid}` };
  if ((mode & STICKY) !== 0) return undefined;
  if ((mode & OTHERS_MAY_WRITE) !== 0) return { who: 'everybody may write', byMode: true };
  const groupMayWrite = (mode & GROUP_MAY_WRITE) !== 0 && !isPrivateGroup(gid);
  return groupMayWrite ? { who: `group ${gid} may write`, byMode: true } : undefined;
}

const isTrusted = (uid: number): boolean =>
  uid === 0 || uid === process.geteuid?.() || (uid === OVERFLOW && isInUserNamespace());

/** Stands for users that a user namespace does not know, the machine's root among them. */
const OVERFLOW = 65_534;

function isInUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(textOrEmpty('/proc/self/uid_map'));
}

/**
 * Whether a group is root's, or one's own with no other member: many systems give each user one.
 */
function isPrivateGroup(gid: number): boolean {
  if (gid === 0) return true;
  if (gid !== process.getegid?.()) return false;
  const me = process.geteuid?.();
  const users = entriesOf('/etc/passwd');
  const isKnown = (name: string): boolean =>
    users.some(([user, , uid]) => user === name && (Number(uid) === me || Number(uid) === 0));
  const primary = users.filter(([, , , group]) => Number(group) === gid).map(([user = '']) => user);
  const group = entriesOf('/etc/group').find(([, , id]) => Number(id) === gid);
  // Of a directory service: then the convention decides, that a user's own group has the user's
  // number.
  if (!group) return gid === me;
  const members = (group[3] ?? '').split(',').filter((name) => name !== '');
  return [...members, ...primary].every(isKnown);
}

const entriesOf = (path: string): string[][] =>
  textOrEmpty(path)
    .split('\n')
    .map((line) => line.split(':'));
