import { readFileSync } from 'node:fs';
import type { Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { inspect } from 'node:util';
import { TaskfsError } from '../../../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { createSshAgent } from './ssh.ts';

/** How requests reach an engine, as options of docker-modem. */
export type Transport =
  | { readonly socketPath: string; readonly agent: HttpAgent }
  | {
      /** Also with TLS, which the agent's connections speak. */
      readonly protocol: 'http';
      readonly host: string;
      readonly port: number | string;
      readonly agent?: HttpAgent;
    };

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
  if (url.protocol === 'ssh:') {
    return { protocol: 'http', host: 'docker', port: 80, agent: createSshAgent(url) };
  }
  const isSecure = certificates !== null || url.protocol === 'https:';
  return {
    protocol: 'http',
    host: url.hostname,
    port: url.port || (isSecure ? 2376 : 2375),
    ...(isSecure && {
      agent: newSecureAgent({
        ...readCertificates(certificates, verify),
        rejectUnauthorized: verify,
      }),
    }),
  };
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

/**
 * Connections by TLS. Not Node's `https`, whose agent does the same: docker-modem asks for it
 * wherever the engine is, so the package leaves it out. It takes 15 ms and 7 MiB, and with it Node
 * parses all authorities that it knows.
 */
function newSecureAgent(options: ConnectionOptions): HttpAgent {
  const agent = new (process.getBuiltinModule('node:http').Agent)();
  const { connect } = process.getBuiltinModule('node:tls');
  const createConnection = (to: ConnectionOptions) =>
    connect({ ...to, ...options, ALPNProtocols: ['http/1.1'] });
  return Object.assign(agent, { createConnection });
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
