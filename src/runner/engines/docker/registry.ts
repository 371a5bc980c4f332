import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { homeConfiguration } from './endpoint.ts';

/** Credentials of a registry, as the engine's X-Registry-Auth header has them. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

/** The parts of the docker command's config.json that `docker login` fills in. */
interface LoginConfig {
  readonly auths?: Readonly<Record<string, { auth?: string; identitytoken?: string }>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The credentials that `docker login` left for an image's registry; undefined: none. */
export async function credentialsFor(
  image: string,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  const config = readConfig();
  const registry = registryOf(image);
  const helper = config.credHelpers?.[registry] ?? config.credsStore;
  if (helper) return askHelper(helper, registry, signal);
  const entry = config.auths?.[registry];
  if (!entry) return undefined;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry };
  return splitAuth(entry.auth ?? '', registry);
}

/** `host[:port]` of a reference whose first part looks like one; else Docker Hub. */
function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost && first !== 'docker.io' ? first : DOCKER_HUB;
}

function readConfig(): LoginConfig {
  const directory = process.env.DOCKER_CONFIG || homeConfiguration();
  try {
    return JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')) as LoginConfig;
  } catch {
    // No login: images that need none can be fetched.
    return {};
  }
}

function splitAuth(auth: string, serveraddress: string): Credentials | undefined {
  const [username, ...password] = Buffer.from(auth, 'base64').toString().split(':');
  if (!username) return undefined;
  return { username, password: password.join(':'), serveraddress };
}

/** The protocol of docker-credential-helpers: the registry on stdin, JSON on stdout. */
function askHelper(
  name: string,
  serveraddress: string,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  return new Promise((resolve) => {
    const { execFile } = process.getBuiltinModule('node:child_process');
    const child = execFile(`docker-credential-${name}`, ['get'], { signal }, (error, stdout) => {
      if (error) return resolve(undefined);
      const { Username: username, Secret: secret } = JSON.parse(stdout);
      const isToken = username === '<token>';
      resolve(
        isToken
          ? { identitytoken: secret, serveraddress }
          : { username, password: secret, serveraddress },
      );
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(serveraddress);
  });
}
