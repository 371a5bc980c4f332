import { readFileSync } from 'node:fs';
import type { Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { connect, isIP } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { inspect } from 'node:util';
import { TaskfsError } from '../../../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { createSshAgent } from './ssh.ts';

/**
 * How requests reach an engine, as options of docker-modem. It is told of a socket whatever there
 * is: what it would make of a host, it makes by a function that Node warns of. The agent makes the
 * connections.
 */
export interface Transport {
  /** The path of a socket, or the name of a host. */
  readonly socketPath: string;
  readonly agent: HttpAgent;
  readonly headers?: { readonly Host: string };
}

/**
 * The transport to an endpoint. Throws `usage` where its
 * address or its certificates cannot be used.
 */
export function transportTo({ host, certificates, verify }: Endpoint): Transport {
  if (host.startsWith('unix://')) {
    return { socketPath: host.slice('unix://'.length), agent: newLocalAgent() };
  }
  const url = parseHost(host);
  // The host is never resolved here: ssh does.
  if (url.protocol === 'ssh:') return { socketPath: url.host, agent: createSshAgent(url) };
  const isSecure = certificates !== null || url.protocol === 'https:';
  const address = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isSecure ? 2376 : 2375),
  };
  const agent = isSecure
    ? newSecureAgent(address, {
        ...readCertificates(certificates, verify),
        rejectUnauthorized: verify,
      })
    : newRemoteAgent(address);
  return { socketPath: url.host, agent, headers: { Host: `${url.hostname}:${address.port}` } };
}

/**
 * With an empty server name Node does not derive one, for which it builds a pattern of addresses:
 * 5 ms. docker-modem describes each request for its log, also while that is off, with all that
 * hangs on the agent: that takes 10 ms and more, unless the agent describes itself.
 */
function newLocalAgent(): HttpAgent {
  const options: AgentOptions = { keepAlive: true, servername: '' };
  const agent = new (process.getBuiltinModule('node:http').Agent)(options);
  return Object.assign(agent, { [inspect.custom]: () => 'the agent of an engine' });
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function newRemoteAgent(address: Address): HttpAgent {
  const agent = new (process.getBuiltinModule('node:http').Agent)({ keepAlive: true });
  return Object.assign(agent, { createConnection: () => connect({ ...address, noDelay: true }) });
}

/**
 * Connections by TLS. Not Node's `https`, whose agent does the same: docker-modem asks for it
 * wherever the engine is, so the package leaves it out. It takes 15 ms and 7 MiB, and with it Node
 * parses all authorities that it knows.
 */
function newSecureAgent(address: Address, options: ConnectionOptions): HttpAgent {
  const agent = new (process.getBuiltinModule('node:http').Agent)();
  const tls = process.getBuiltinModule('node:tls');
  const servername = isIP(address.host) ? '' : address.host;
  const all = { ...address, servername, ...options, ALPNProtocols: ['http/1.1'] };
  return Object.assign(agent, { createConnection: () => tls.connect(all) });
}

const SCHEMES = ['tcp:', 'http:', 'https:', 'ssh:'];

function parseHost(host: string): URL {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (!url?.hostname || !SCHEMES.includes(url.protocol)) {
    throw new TaskfsError('usage', `'${host}' is not the address of a container engine`, {
      hint:
        'DOCKER_HOST, or the host of a docker context, looks like unix:///path, ' +
        'tcp://host:port or ssh://user@host.',
    });
  }
  if (url.password === '') return url;
  throw new TaskfsError(
    'usage',
    `the address of the engine on ${url.hostname} has a password in it`,
    {
      hint: 'Let ssh use a key, or an agent, and leave the password out.',
    },
  );
}

/** The certificates in a directory, those that are there; null: the system's. */
function readCertificates(directory: string | null, verify: boolean) {
  if (directory === null) return {};
  const found = (['ca', 'cert', 'key'] as const).map((name) => [name, readPem(directory, name)]);
  const files = found.filter(([, text]) => text !== undefined);
  if (files.length > 0 || !verify) return Object.fromEntries(files);
  throw new TaskfsError('usage', `there are no certificates for the engine in ${directory}`, {
    hint:
      'Name the directory of ca.pem, cert.pem and key.pem with DOCKER_CERT_PATH, ' +
      'or unset DOCKER_TLS_VERIFY.',
  });
}

function readPem(directory: string, name: string): string | undefined {
  const path = join(directory, `${name}.pem`);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new TaskfsError('usage', `${path} cannot be read (${code})`, {
      hint:
        "It is the engine's certificate or key: let this user read it, " +
        'or name another directory with DOCKER_CERT_PATH.',
      cause,
    });
  }
}
