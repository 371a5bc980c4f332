import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import DockerModem from 'docker-modem';
import type Docker from 'dockerode';
import Container from 'dockerode/lib/container.js';
import Service from 'dockerode/lib/service.js';
import type { Transport } from './transport.ts';

/** The part of dockerode's interface that engines use. */
export type Client = Pick<
  Docker,
  | 'info'
  | 'createContainer'
  | 'getContainer'
  | 'listContainers'
  | 'createService'
  | 'getService'
  | 'listTasks'
> & {
  readonly modem: Modem;
  /**
   * Whether the engine answers, and whose it is; asking for
   * its version would start programs of it.
   */
  ping(signal?: AbortSignal): Promise<Greeting>;
  inspectImage(name: string, signal?: AbortSignal): Promise<unknown>;
  /** Requests the pull of an image; the answer reports its progress. */
  pull(image: string, options?: PullOptions): Promise<Readable>;
};

/** What an engine says of itself in the head of each answer. */
export interface Greeting {
  /**
   * Of podman, which speaks Docker's API with differences:
   * other log drivers, other words; null: Docker.
   */
  readonly podmanVersion: string | null;
}

interface PullOptions {
  readonly authconfig?: unknown;
  /** As `linux/arm64`; null: the engine's own. */
  readonly platform?: string | null;
  readonly signal?: AbortSignal | undefined;
}

/** One request to an engine. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  /** A body of bytes, such as a tar archive, instead. */
  readonly file?: Buffer | undefined;
  /** Whether the answer is returned as a stream. */
  readonly isStream?: boolean;
  /** Whether the connection is handed over, for both directions. */
  readonly hijack?: boolean;
  readonly authconfig?: unknown;
  /** Ends the request, and its answer, at once. */
  readonly signal?: AbortSignal | undefined;
}

/** What carries requests: docker-modem's one call. */
interface Modem {
  /** Those of each request that has none of its own. */
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: it answers with whatever the path gives
  dial(request: any, callback: (error: unknown, answer: any) => void): void;
}

const OK = { 200: true, 201: true, 204: true };

/**
 * A body of no bytes, as docker-modem makes one: podman
 * takes any other for the container's first input.
 */
const noBody = ({ headers }: Modem) => ({
  file: Buffer.alloc(0),
  headers: { ...headers, 'Content-Type': 'text/plain' },
});

/** Sends a request. Throws what the engine says, with `statusCode`, or why it was not reached. */
export function send<T>(modem: Modem, request: ApiRequest): Promise<T> {
  const {
    method,
    path,
    query,
    body,
    file,
    isStream = false,
    hijack = false,
    authconfig,
    signal,
  } = request;
  // The question mark asks for the query, and an empty body for none.
  const dialled = {
    method,
    path: query ? `${path}?` : path,
    options: { ...(query && { _query: query }), _body: body ?? {} },
    isStream,
    hijack,
    ...(hijack && body === undefined && noBody(modem)),
    ...(file && { file }),
    authconfig,
    abortSignal: signal,
    statusCodes: OK,
  };
  return new Promise((resolve, reject) => {
    modem.dial(dialled, (error: unknown, answer: T) => (error ? reject(error) : resolve(answer)));
  });
}

/**
 * A client for an engine, made of dockerode's parts. Its main module also loads BuildKit's gRPC
 * stack: 12 MiB in every supervisor, and two thirds of the time that loading takes.
 */
export function createClient(transport: Transport): Client {
  // dockerode's parts take the kind of promise that they make from the modem.
  const dockerModem = withoutDefaults(() => new DockerModem(transport));
  const { headers = {} } = transport;
  const modem: Modem = Object.assign(dockerModem, { Promise, headers });
  const get = (path: string, query?: ApiRequest['query'], signal?: AbortSignal) =>
    send(modem, { method: 'GET', path, signal, ...(query && { query }) });
  const client = {
    modem,
    info: () => get('/info'),
    async ping(signal?: AbortSignal): Promise<Greeting> {
      const request = { method: 'GET', path: '/_ping', isStream: true, signal } as const;
      const answer = await send<IncomingMessage>(modem, request);
      answer.resume();
      const version = answer.headers['libpod-api-version'];
      return { podmanVersion: typeof version === 'string' ? version : null };
    },
    async createContainer({ name, platform, ...body }: Docker.ContainerCreateOptions) {
      const query = { ...(name !== undefined && { name }), ...(platform && { platform }) };
      const request: ApiRequest = { method: 'POST', path: '/containers/create', body, query };
      const { Id: id } = await send<{ Id: string }>(modem, request);
      return client.getContainer(id);
    },
    getContainer: (id: string) => new Container(modem, id),
    listContainers: (query: ApiRequest['query']) => get('/containers/json', query),
    inspectImage: (name: string, signal?: AbortSignal) =>
      get(`/images/${name}/json`, undefined, signal),
    pull(image: string, { authconfig, platform = null, signal }: PullOptions = {}) {
      const query = { fromImage: image, ...(platform !== null && { platform }) };
      const request = { method: 'POST', path: '/images/create', query, authconfig } as const;
      return send<Readable>(modem, { ...request, isStream: true, signal });
    },
    createService: (body: Docker.CreateServiceOptions) =>
      send(modem, { method: 'POST', path: '/services/create', body }),
    getService: (id: string) => new Service(modem, id),
    listTasks: (query: ApiRequest['query']) => get('/tasks', query),
  };
  return client as unknown as Client;
}

/**
 * docker-modem takes what is left out from DOCKER_HOST and its like, which were applied already,
 * and throws where the certificates that they name are not there.
 */
function withoutDefaults<T>(make: () => T): T {
  const { DOCKER_HOST: host } = process.env;
  delete process.env.DOCKER_HOST;
  try {
    return make();
  } finally {
    if (host !== undefined) process.env.DOCKER_HOST = host;
  }
}
