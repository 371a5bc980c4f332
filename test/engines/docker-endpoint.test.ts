import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { connect } from '../../src/runner/engines/docker/connect.ts';
import { findEndpoints, homeConfiguration } from '../../src/runner/engines/docker/endpoint.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A configuration directory of the docker command with one context. */
function configWith(name: string, host: string, current?: string): string {
  const config = temporaryDirectory();
  const id = createHash('sha256').update(name).digest('hex');
  const meta = join(config, 'contexts/meta', id);
  mkdirSync(meta, { recursive: true });
  const endpoint = { Host: host, SkipTLSVerify: false };
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Endpoints: { docker: endpoint } }));
  writeFileSync(join(config, 'config.json'), JSON.stringify({ currentContext: current }));
  return config;
}

const hostsOf = (env: Record<string, string>): string[] =>
  findEndpoints(env).map(({ host }) => host);

describe('finding an engine', () => {
  it('takes DOCKER_HOST before everything', () => {
    const config = configWith('far', 'tcp://far:2375', 'far');
    const env = { DOCKER_HOST: 'unix:///x.sock', DOCKER_CONTEXT: 'far', DOCKER_CONFIG: config };
    expect(hostsOf(env)).toEqual(['unix:///x.sock']);
    expect(hostsOf({ DOCKER_HOST: 'far:2375' })).toEqual(['tcp://far:2375']);
  });

  it('takes the certificates that DOCKER_TLS_VERIFY asks for', () => {
    const env = {
      DOCKER_HOST: 'tcp://far:2376',
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: '/certs',
    };
    expect(findEndpoints(env)).toEqual([
      { host: 'tcp://far:2376', certificates: '/certs', verify: true },
    ]);
  });

  it('takes the context that was named, then the one that was chosen', () => {
    const config = configWith('far', 'ssh://me@far', 'far');
    expect(hostsOf({ DOCKER_CONFIG: config })).toEqual(['ssh://me@far']);
    expect(
      hostsOf({ DOCKER_CONFIG: configWith('near', 'tcp://near:1'), DOCKER_CONTEXT: 'near' }),
    ).toEqual(['tcp://near:1']);
    expect(hostsOf({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'default' })[0]).toBe(
      'unix:///var/run/docker.sock',
    );
  });

  it('never takes the settings of the current directory for those of an empty HOME', () => {
    vi.stubEnv('HOME', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(homeConfiguration()).toBe('/.docker');
  });

  it('says which context is not there', () => {
    const env = { DOCKER_CONFIG: temporaryDirectory(), DOCKER_CONTEXT: 'nowhere' };
    expect(() => findEndpoints(env)).toThrow("no docker context 'nowhere'");
  });

  it("looks at the system's, the rootless, the desktop's and podman's socket", () => {
    const env = { DOCKER_CONFIG: temporaryDirectory(), XDG_RUNTIME_DIR: '/run/user/7' };
    expect(hostsOf(env)).toEqual([
      'unix:///var/run/docker.sock',
      'unix:///run/user/7/docker.sock',
      expect.stringMatching(/\.docker\/run\/docker\.sock$/),
      'unix:///run/user/7/podman/podman.sock',
      'unix:///run/podman/podman.sock',
    ]);
  });

  it('says that there is none, and what to do', async () => {
    const [endpoint] = findEndpoints({ DOCKER_HOST: `unix://${temporaryDirectory()}/none.sock` });
    await expect(connect(endpoint ? [endpoint] : [])).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('no container engine answers at unix://'),
      hint: expect.stringMatching(/systemctl start docker.*leave out --image/),
    });
  });

  it('refuses a DOCKER_HOST that names nothing', async () => {
    await expect(connect(findEndpoints({ DOCKER_HOST: 'tcp://:::' }))).rejects.toMatchObject({
      kind: 'usage',
    });
  });

  it('says that a socket may not be used', async () => {
    const path = join(temporaryDirectory(), 'docker.sock');
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    chmodSync(path, 0o000);
    await asPlainUser(path, async () => {
      await expect(connect(findEndpoints({ DOCKER_HOST: `unix://${path}` }))).rejects.toMatchObject(
        {
          kind: 'failed',
          message: expect.stringContaining('no permission'),
        },
      );
    });
  });
});

const NOBODY = 65534;

/** Root may use any socket: as root, the caller becomes another user for a while. */
async function asPlainUser(path: string, action: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) return action();
  chmodSync(join(path, '..'), 0o755);
  process.seteuid?.(NOBODY);
  try {
    await action();
  } finally {
    process.seteuid?.(0);
  }
}
