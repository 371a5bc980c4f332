import type { FileFacts, FileRef, Refusal, SaveResult, ServerFacts } from '../protocol.ts';

/** What the server refused, in its words. */
export class Refused extends Error {
  readonly status: number;
  readonly hint: string | null;

  constructor(status: number, { error, hint }: Refusal) {
    super(error);
    this.status = status;
    this.hint = hint;
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof Refused && error.hint) return `${error.message}. ${error.hint}`;
  if (error instanceof TypeError) return 'the server does not answer';
  return error instanceof Error ? error.message : String(error);
}

/**
 * Exchanges the token in the fragment for a cookie, and takes it out of the address; without one,
 * the cookie of before may still be good.
 */
export async function startSession(): Promise<ServerFacts> {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) {
    history.replaceState(null, '', location.pathname);
    await ask('session', { method: 'POST', body: token });
  }
  return json('api/server');
}

/** Whether the server that answers now, if one does, is another one than that of this page. */
export async function hasServerEnded(): Promise<boolean> {
  try {
    await json('api/server');
    return false;
  } catch (error) {
    return error instanceof Refused && (error.status === 401 || error.status === 404);
  }
}

async function ask(address: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(address, init);
  if (response.ok) return response;
  const text = await response.text();
  throw new Refused(response.status, refusalIn(text) ?? { error: text, hint: null });
}

function refusalIn(text: string): Refusal | undefined {
  try {
    return JSON.parse(text) as Refusal;
  } catch {
    return undefined;
  }
}

async function json<T>(address: string, init?: RequestInit): Promise<T> {
  return (await ask(address, init)).json() as Promise<T>;
}

/** The address of something of a file, or of a task as a whole. */
export function addressOf(
  task: string,
  what: string,
  file: FileRef = '',
  more: Readonly<Record<string, string>> = {},
): string {
  return `api/tasks/${task}/${what}?${new URLSearchParams({ file, ...more })}`;
}

export const factsOf = (task: string, file: FileRef): Promise<FileFacts> =>
  json(addressOf(task, 'facts', file));

export const ticketOf = async (task: string): Promise<string> =>
  (await json<{ ticket: string }>(addressOf(task, 'ticket'))).ticket;

export const sha256Of = async (task: string, file: FileRef): Promise<string> =>
  (await json<{ sha256: string }>(addressOf(task, 'sha256', file))).sha256;

/** Where a mount shows a file; null where there is no mount. */
export const mountedPathOf = async (task: string, file: FileRef): Promise<string | null> =>
  (await json<{ path: string | null }>(addressOf(task, 'mounted', file))).path;

/** What is asked of a task as a whole. */
export type Act = 'cancel' | 'kill' | 'pause' | 'resume' | 'pin' | 'unpin' | 'seal';

export async function act(task: string, what: Act): Promise<void> {
  await ask(`api/tasks/${task}/${what}`, { method: 'POST' });
}

export async function remove(task: string): Promise<void> {
  await ask(`api/tasks/${task}`, { method: 'DELETE' });
}

/** Bytes from `start` to before `end`, and how many there are in all. */
export async function bytesAt(
  address: string,
  start: number,
  end: number,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; size: number }> {
  const headers = { Range: `bytes=${start}-${end - 1}` };
  const response = await fetch(address, { headers });
  if (response.status === 416) return { bytes: new Uint8Array(), size: sizeIn(response) ?? 0 };
  if (!response.ok) await ask(address, { headers });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { bytes, size: sizeIn(response) ?? bytes.length };
}

/** The whole size that a `Content-Range` header tells. */
function sizeIn(response: Response): number | undefined {
  const size = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1];
  return size === undefined ? undefined : Number(size);
}

/** `before` is the sha256 of the content that was edited. Refused with 409 where it has changed. */
export function saveEdit(
  task: string,
  file: FileRef,
  before: string,
  content: Uint8Array<ArrayBuffer>,
): Promise<SaveResult> {
  return json(addressOf(task, 'content', file, { before }), { method: 'PUT', body: content });
}

/** Refused with 409 where the file is there and not to be replaced. */
export function upload(
  task: string,
  file: FileRef,
  content: Blob,
  replace = false,
): Promise<SaveResult> {
  const more: Record<string, string> = replace ? { replace: '1' } : {};
  return json(addressOf(task, 'upload', file, more), { method: 'POST', body: content });
}

export async function sha256(content: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
