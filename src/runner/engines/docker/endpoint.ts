import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { TaskfsError } from '../../../errors.ts';

/**
 * Where an engine may be found. Plain data: a task's record
 * keeps it, for whoever recovers the task.
 */
export interface Endpoint {
  /** `unix:///path`, `tcp://host:port` or `ssh://user@host`. */
  readonly host: string;
  /** Directory with ca.pem, cert.pem and key.pem; null: no TLS. */
  readonly certificates: string | null;
  /** Whether the engine's certificate is checked. */
  readonly verify: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The user's settings for Docker. An empty HOME does not make them those of the current directory.
 */
export const homeConfiguration = (): string => join('/', homedir(), '.docker');

/**
 * The places where an engine may be, the likeliest first, by the rules of the docker command:
 * DOCKER_HOST, then the context named by DOCKER_CONTEXT or chosen with `docker context use`, then
 * the default sockets: the system's, the rootless one, Docker Desktop's, and podman's.
 * Throws `usage` for a context that is not there.
 */
export function findEndpoints(env: Environment = process.env): readonly Endpoint[] {
  if (env.DOCKER_HOST) return [fromVariables(env.DOCKER_HOST, env)];
  const config = env.DOCKER_CONFIG || homeConfiguration();
  const context =
    env.DOCKER_CONTEXT || readJson<Config>(join(config, 'config.json'))?.currentContext;
  if (context && context !== 'default') return [fromContext(config, context)];
  return defaultSockets(env).map(local);
}

const local = (path: string): Endpoint => ({
  host: `unix://${path}`,
  certificates: null,
  verify: false,
});

function defaultSockets(env: Environment): readonly string[] {
  const runtime = env.XDG_RUNTIME_DIR || `/run/user/${process.getuid?.() ?? 0}`;
  return [
    '/var/run/docker.sock',
    join(runtime, 'docker.sock'),
    join(homeConfiguration(), 'run/docker.sock'),
    join(runtime, 'podman/podman.sock'),
    '/run/podman/podman.sock',
  ];
}

function fromVariables(host: string, env: Environment): Endpoint {
  const verify = Boolean(env.DOCKER_TLS_VERIFY);
  const secure = verify || Boolean(env.DOCKER_TLS);
  const directory = env.DOCKER_CERT_PATH || env.DOCKER_CONFIG || homeConfiguration();
  return {
    host: host.includes('://') ? host : `tcp://${host}`,
    certificates: secure ? directory : null,
    verify,
  };
}

interface Config {
  readonly currentContext?: string;
}

/** `contexts/meta/<sha256 of the name>/meta.json` of the docker command's configuration. */
interface ContextMeta {
  readonly Endpoints?: {
    readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean };
  };
}

function fromContext(config: string, name: string): Endpoint {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = readJson<ContextMeta>(join(config, 'contexts/meta', id, 'meta.json'));
  const docker = meta?.Endpoints?.docker;
  if (!docker?.Host) {
    throw new TaskfsError('usage', `there is no docker context '${name}' in ${config}`, {
      hint: "'docker context ls' lists them; DOCKER_CONTEXT and 'docker context use' choose one.",
    });
  }
  const certificates = join(config, 'contexts/tls', id, 'docker');
  return {
    host: docker.Host,
    certificates: existsSync(certificates) ? certificates : null,
    verify: docker.SkipTLSVerify !== true,
  };
}

function readJson<T>(path: string): T | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new TaskfsError('usage', `${path} is not JSON`, { cause });
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      return undefined;
    }
    throw error;
  }
}
