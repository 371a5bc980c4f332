import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Transport } from './transport.ts';

/** One request to an engine. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  /** JSON, or the bytes of a tar archive. */
  readonly body?: object | Buffer | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the request, and its answer, at once. */
  readonly signal?: AbortSignal | undefined;
}

/** The requests that a transport carries. All throw `ApiError`, or why no answer was had. */
export interface Api {
  /** The JSON of the answer; undefined for an empty one. */
  json<T>(request: ApiRequest): Promise<T>;
  /** The answer while it arrives. Throws as it is read, where it is cut off. */
  stream(request: ApiRequest): Promise<IncomingMessage>;
  /** The connection itself, once the engine has handed it over for both directions. */
  hijack(request: ApiRequest): Promise<Duplex>;
}

/** An answer of the engine that is not the one hoped for, in the engine's words. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The Docker Engine API over HTTP (https://docs.docker.com/reference/api/engine/), without the
 * version in its paths: each engine answers as its own. Node's client alone, since every task in a
 * container waits until it is loaded.
 */
export function createApi(transport: Transport): Api {
  const stream = (request: ApiRequest): Promise<IncomingMessage> =>
    answered(dial(transport, request));
  return {
    stream,
    json: async <T>(request: ApiRequest) => {
      const text = await readText(await stream(request));
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    hijack: (request) => {
      const headers = { ...request.headers, Connection: 'Upgrade', Upgrade: 'tcp' };
      return upgraded(dial(transport, { ...request, headers }));
    },
  };
}

type Dialled = ReturnType<typeof dial>;

function dial(transport: Transport, { method, path, query, body, headers, signal }: ApiRequest) {
  const isBytes = Buffer.isBuffer(body);
  const options: RequestOptions = {
    ...transport,
    method,
    path: query ? `${path}?${encodeQuery(query)}` : path,
    headers: {
      ...headers,
      ...(body && { 'Content-Type': isBytes ? 'application/x-tar' : 'application/json' }),
    },
    ...(signal && { signal }),
  };
  const dialled = request(options);
  if (body) dialled.end(isBytes ? body : JSON.stringify(body));
  else dialled.end();
  return dialled;
}

const encodeQuery = (query: NonNullable<ApiRequest['query']>): string =>
  Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');

function answered(dialled: Dialled): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    dialled.on('error', reject);
    dialled.on('response', (answer) => {
      if (isOk(answer)) resolve(answer);
      else readError(answer).then(reject, reject);
    });
  });
}

function upgraded(dialled: Dialled): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    dialled.on('error', reject);
    dialled.on('response', (answer) => void readError(answer).then(reject, reject));
    dialled.on('upgrade', (_answer, connection: Duplex, first: Buffer) => {
      if (first.length > 0) connection.unshift(first);
      resolve(connection);
    });
  });
}

const isOk = ({ statusCode = 0 }: IncomingMessage): boolean =>
  statusCode >= 200 && statusCode < 300;

async function readText(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return text;
}

async function readError(answer: IncomingMessage): Promise<ApiError> {
  const { statusCode = 0, statusMessage = '' } = answer;
  const text = (await readText(answer)).trim();
  return new ApiError(statusCode, messageIn(text) || text || `HTTP ${statusCode} ${statusMessage}`);
}

/** `{"message": "…"}`, as the API says; a proxy on the way may answer with anything. */
function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}
