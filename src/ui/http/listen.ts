import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Server } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { messageOf, reasonOf, TaskfsError } from '../../errors.ts';
import type { Origins } from './security.ts';

/** A certificate with its chain, and its key, in PEM. */
export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Where to listen; port 0: any that is free. */
export interface Place {
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  readonly tls: Tls | undefined;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Throws `usage` where others could read along, or where it is no address. */
export function assertListenable({ address, tls }: Place): void {
  const version = isIP(address);
  if (version === 0) {
    throw new TaskfsError('usage', `'${address}' is not an IP address to listen on`, {
      hint: "Give one of this machine, as '127.0.0.1' or '192.0.2.7'.",
    });
  }
  if (tls || loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')) return;
  throw new TaskfsError(
    'usage',
    `${address} is not a loopback address, and no TLS files are given`,
    {
      hint: 'Give --tls-cert and --tls-key too, or reach this machine with ssh -L.',
    },
  );
}

/** A port that is listened on, and the origins that it answers as, the one to show first. */
export interface Listening extends AsyncDisposable {
  readonly origins: Origins;
  readonly port: number;
  /** Answers with an app from now on; requests wait until then. */
  answer(app: Hono): void;
}

/** Listens. Throws `failed` where the port is taken, or the TLS files are not a pair. */
export async function listen(place: Place): Promise<Listening> {
  const app = Promise.withResolvers<Hono>();
  const fetch = async (request: Request, env: unknown) =>
    (await app.promise).fetch(request, env as object);
  const server = createServerFor(place, fetch);
  const port = await portOf(server, place);
  return {
    origins: originsOf(place, port),
    port,
    answer: app.resolve,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type HttpServer = Server & { closeAllConnections(): void };
type Fetch = (request: Request, env: unknown) => Promise<Response>;

function createServerFor({ tls }: Place, fetch: Fetch): HttpServer {
  if (!tls) return createAdaptorServer({ fetch, createServer }) as HttpServer;
  try {
    return createAdaptorServer({
      fetch,
      createServer: createTlsServer,
      serverOptions: { ...tls, minVersion: 'TLSv1.2' },
    }) as HttpServer;
  } catch (cause) {
    throw new TaskfsError('usage', `the TLS files cannot be used: ${messageOf(cause)}`, { cause });
  }
}

async function portOf(server: Server, { address, port }: Place): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, () => resolve());
    });
  } catch (cause) {
    const why = reasonOf(cause);
    throw new TaskfsError('failed', `cannot listen on port ${port} of ${address}: ${why}`, {
      hint: 'Choose another with --port; two in a row are needed.',
      cause,
    });
  }
  return (server.address() as AddressInfo).port;
}

function originsOf({ address, tls }: Place, port: number): Origins {
  const names = tls ? namesOf(tls) : [bracketed(address), 'localhost'];
  // Of a scheme's own port, addresses leave out the number.
  return names.map((name) => new URL(`${tls ? 'https' : 'http'}://${name}:${port}`).origin);
}

/** The names that a certificate is for (RFC 5280, subjectAltName); those with `*` are left out. */
function namesOf({ cert }: Tls): string[] {
  const names = new X509Certificate(cert).subjectAltName ?? '';
  const found = [...names.matchAll(/(?:DNS|IP Address):([^,\s"*]+)/g)].map(([, name = '']) => name);
  if (found.length > 0) return found.map(bracketed);
  throw new TaskfsError('usage', 'the certificate names no host (subjectAltName)', {
    hint: 'Make one that names the host as browsers will ask for it.',
  });
}

const bracketed = (name: string): string => (isIP(name) === 6 ? `[${name}]` : name);
