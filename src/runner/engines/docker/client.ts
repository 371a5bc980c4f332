import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ContainerCreateOptions, CreateServiceOptions } from 'dockerode';
import { type Api, type ApiRequest, createApi } from './api.ts';
import type { Credentials } from './registry.ts';
import type { Transport } from './transport.ts';

/** What an engine says of itself in the head of each answer. */
export interface Greeting {
  /**
   * Of podman, which speaks Docker's API with differences:
   * other log drivers, other words; null: Docker.
   */
  readonly podmanVersion: string | null;
}

/** A container, as the engine describes it: the fields that are used. */
export interface ContainerDescription {
  readonly State: {
    readonly Status: string;
    readonly Running: boolean;
    readonly Paused: boolean;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error?: string;
  };
  readonly Config: { readonly StopSignal?: string };
}

/** The operations of an engine that tasks need, by the names of its API. */
export type Client = ReturnType<typeof createClient>;
export type Container = ReturnType<typeof containerOf>;

/** A client for an engine. */
export function createClient(transport: Transport) {
  const api = createApi(transport);
  const get = <T>(path: string, options: Pick<ApiRequest, 'query' | 'signal'> = {}): Promise<T> =>
    api.json<T>({ method: 'GET', path, ...options });
  return {
    get,
    info: <T>() => get<T>('/info'),

    /** Whether the engine answers, and whose it is. For its version it would start programs. */
    async ping(signal?: AbortSignal): Promise<Greeting> {
      const answer = await api.stream({ method: 'GET', path: '/_ping', signal });
      answer.resume();
      const version = answer.headers['libpod-api-version'];
      return { podmanVersion: typeof version === 'string' ? version : null };
    },

    inspectImage: <T>(image: string, signal?: AbortSignal) =>
      get<T>(`/images/${image}/json`, { signal }),
    removeImage: (image: string) => api.json({ method: 'DELETE', path: `/images/${image}` }),

    /** Makes an image of a tar archive of its files. */
    importImage: (repo: string, tar: Buffer) =>
      api.json({
        method: 'POST',
        path: '/images/create',
        query: { fromSrc: '-', repo },
        body: tar,
      }),

    /** Requests the pull of an image; the answer reports its progress. */
    pull: (image: string, { credentials, signal }: PullOptions = {}): Promise<IncomingMessage> =>
      api.stream({
        method: 'POST',
        path: '/images/create',
        query: { fromImage: image },
        headers: credentials && { 'X-Registry-Auth': encodeCredentials(credentials) },
        signal,
      }),

    async createContainer({ name, ...body }: ContainerCreateOptions): Promise<Container> {
      const query = name === undefined ? {} : { query: { name } };
      const request = { method: 'POST', path: '/containers/create', body, ...query } as const;
      const { Id: id } = await api.json<{ Id: string }>(request);
      return containerOf(api, id);
    },
    getContainer: (id: string): Container => containerOf(api, id),
    listContainers: (filters: Filters) =>
      get<{ readonly Id: string }[]>('/containers/json', {
        query: { all: true, filters: JSON.stringify(filters) },
      }),

    createService: (body: CreateServiceOptions) =>
      api.json({ method: 'POST', path: '/services/create', body }),
    inspectService: (service: string) => get(`/services/${service}`),
    removeService: (service: string) =>
      api.json({ method: 'DELETE', path: `/services/${service}` }),
    serviceLog: (service: string, follow: boolean): Promise<IncomingMessage> =>
      api.stream({
        method: 'GET',
        path: `/services/${service}/logs`,
        query: { stdout: true, stderr: true, follow },
      }),
    listTasks: <T>(filters: Filters) =>
      get<T[]>('/tasks', { query: { filters: JSON.stringify(filters) } }),
  };
}

/** What is to be listed: for each field, any of these values. */
type Filters = Readonly<Record<string, readonly string[]>>;

interface PullOptions {
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** With padding, which the engine insists on, and Node's base64url leaves out. */
const encodeCredentials = (credentials: Credentials): string =>
  Buffer.from(JSON.stringify(credentials))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');

/** The operations on one container, named by its id or its name. */
function containerOf(api: Api, id: string) {
  const path = `/containers/${id}`;
  const post = (what: string, query?: ApiRequest['query']): Promise<unknown> =>
    api.json({ method: 'POST', path: `${path}/${what}`, ...(query && { query }) });
  return {
    inspect: () => api.json<ContainerDescription>({ method: 'GET', path: `${path}/json` }),
    start: () => post('start'),
    pause: () => post('pause'),
    unpause: () => post('unpause'),
    /** SIGKILL by default. */
    kill: (signal?: string) => post('kill', signal === undefined ? undefined : { signal }),
    resize: (rows: number, columns: number) => post('resize', { h: rows, w: columns }),
    /** With its anonymous volumes. */
    remove: ({ force = false } = {}) =>
      api.json({ method: 'DELETE', path, query: { v: true, force } }),

    /**
     * Resolves when the container has ended: one request,
     * which the engine answers then. Nothing is polled.
     */
    async wait(): Promise<void> {
      const query = { condition: 'not-running' };
      const answer = await api.stream({ method: 'POST', path: `${path}/wait`, query });
      // The head of the answer comes at once. The rest throws where it is cut off.
      for await (const _ of answer);
    },

    /** Its streams, as they are, before it is started. */
    attach: (interactive: boolean): Promise<Duplex> =>
      api.hijack({
        method: 'POST',
        path: `${path}/attach`,
        query: {
          stream: true,
          stdin: interactive,
          stdout: true,
          stderr: true,
          // The usual keys, Ctrl-P Ctrl-Q, are somebody's shell history; nobody detaches from a task.
          detachKeys: 'ctrl-@,ctrl-@,ctrl-@',
        },
      }),

    /** The engine's log from its beginning, and on until the container ends. */
    log: (): Promise<IncomingMessage> =>
      api.stream({
        method: 'GET',
        path: `${path}/logs`,
        query: { follow: true, stdout: true, stderr: true },
      }),

    /** A file or directory of the container, as a tar archive. */
    readArchive: (file: string): Promise<IncomingMessage> =>
      api.stream({ method: 'GET', path: `${path}/archive`, query: { path: file } }),
  };
}
