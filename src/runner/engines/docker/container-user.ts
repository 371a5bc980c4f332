import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../errors.ts';
import type { ContainerOptions } from '../container/options.ts';
import { send } from './client.ts';
import type { EngineHost } from './id-mapping.ts';
import type { ImageConfig } from './image.ts';

/** The caller, in the numbers of this machine. */
export function callerIds(): { readonly uid: number; readonly gid: number } {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

/**
 * The container user whose files are the caller's, or the
 * nearest: root of a rootless engine is the caller.
 */
export function defaultUser({ kind }: Pick<EngineHost, 'kind'>): string {
  const { uid, gid } = callerIds();
  return kind === 'rootless' ? '0:0' : `${uid}:${gid}`;
}

/**
 * Another user than the default one: the one that was asked for, or the image's own. An image that
 * says root says what engines take for granted, not what it needs; null: none.
 */
export function otherUser(
  { user }: Pick<ContainerOptions, 'user'>,
  image: Pick<ImageConfig, 'user'>,
): string | null {
  if (user !== null) return user;
  return /^(|0|root)(:|$)/.test(image.user) ? null : image.user;
}

const PASSWD = '/etc/passwd';
const TAR_BLOCK = 512;
/** More than that is no list of users. */
const PASSWD_MAX = 1024 * 1024;

/**
 * The number of a container's user, `uid[:gid]` or `name[:group]`: a name is looked up in the
 * container, which is made and need not run. Throws `usage` for a name that is not there.
 */
export async function userIdOf(container: Docker.Container, user: string): Promise<number> {
  const [name = ''] = user.split(':');
  if (/^\d+$/.test(name)) return Number(name);
  const line = (await readPasswd(container))
    .split('\n')
    .find((text) => text.startsWith(`${name}:`));
  const id = line?.split(':')[2] ?? '';
  if (/^\d+$/.test(id)) return Number(id);
  throw new TaskfsError('usage', `the image has no user '${name}'`, {
    hint: 'Give --user as numbers, uid:gid, or as a name of the image.',
  });
}

/** The engine hands a file out as a tar of one member; what is no plain file reads as empty. */
async function readPasswd({ id, modem }: Docker.Container): Promise<string> {
  const request = { method: 'GET', path: `/containers/${id}/archive`, query: { path: PASSWD } };
  const answer = await send<Readable>(modem, { ...request, method: 'GET', isStream: true });
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > PASSWD_MAX) break;
  }
  const tar = Buffer.concat(chunks);
  const size = Number.parseInt(tar.toString('latin1', 124, 136), 8) || 0;
  return tar.toString('utf8', TAR_BLOCK, TAR_BLOCK + size);
}
