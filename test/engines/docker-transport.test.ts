import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { delimiter, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { createDockerEngine } from '../../src/runner/engines/docker/index.ts';
import { describeWithEngine } from '../support/engine.ts';
import { newLaunch, startRun } from '../support/engine-run.ts';
import { temporaryDirectory } from '../support/temporary.ts';

describeWithEngine('an engine that is reached', ({ image, host }) => {
  /** Sets variables of this process until the test ends. */
  const setVariables = (variables: Readonly<Record<string, string | undefined>>): void => {
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    const set = (pairs: Iterable<readonly [string, string | undefined]>): void => {
      for (const [name, value] of pairs) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    };
    set(Object.entries(variables));
    onTestFinished(() => set(before));
  };

  /** Hands each connection on to the engine's socket. */
  const serve = async (server: Server, port = 0): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  };
  const handOn = (socket: Socket): void => {
    const engine = connect({ path: host.replace('unix://', ''), allowHalfOpen: true });
    for (const end of [socket, engine])
      end.on('error', () => [socket, engine].map((one) => one.destroy()));
    socket.pipe(engine).pipe(socket);
  };

  /** Runs a container that copies its input. */
  const echo = async (): Promise<string> => {
    const stdin = new PassThrough();
    stdin.end('there and back');
    const launch = newLaunch(['cat'], { image, options: { interactive: true } });
    const engine = createDockerEngine();
    const { running, output, state } = await startRun(engine, launch, { stdin });
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    await engine.remove(state());
    return output.stdout;
  };

  it('at a port', async () => {
    const port = await serve(createServer({ allowHalfOpen: true }, handOn));
    setVariables({ DOCKER_HOST: `tcp://127.0.0.1:${port}` });
    expect(await echo()).toBe('there and back');
    setVariables({ DOCKER_HOST: 'tcp://127.0.0.1:1' });
    await expect(echo()).rejects.toThrow(/no container engine answers at tcp:.*ECONNREFUSED/);
  });

  it('by TLS, with certificates of both sides, as variables or a context say', async () => {
    const certificates = makeCertificates();
    const pem = (name: string): Buffer => readFileSync(join(certificates, `${name}.pem`));
    const files = { ca: pem('ca'), cert: pem('cert'), key: pem('key') };
    const port = await serve(
      createTlsServer(
        { ...files, requestCert: true, rejectUnauthorized: true, allowHalfOpen: true },
        handOn,
      ),
    );
    const DOCKER_HOST = `tcp://127.0.0.1:${port}`;
    setVariables({ DOCKER_HOST, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates });
    expect(await echo()).toBe('there and back');
    // Somebody else's authority does not vouch for this engine.
    setVariables({ DOCKER_CERT_PATH: makeCertificates() });
    await expect(echo()).rejects.toThrow(/no container engine answers at .*certificate/i);
    setVariables({ DOCKER_CERT_PATH: temporaryDirectory() });
    await expect(echo()).rejects.toThrow('there are no certificates for the engine in');
    const config = contextWith(DOCKER_HOST, { ...files, ca: undefined });
    setVariables({
      DOCKER_HOST: undefined,
      DOCKER_TLS_VERIFY: undefined,
      DOCKER_CERT_PATH: undefined,
    });
    setVariables({ DOCKER_CONFIG: config, DOCKER_CONTEXT: 'far' });
    expect(await echo()).toBe('there and back');
  });

  it('by the ssh program, with its words where that fails', async () => {
    const bin = temporaryDirectory();
    const { PATH: path } = process.env;
    const ssh = (script: string): void => {
      writeFileSync(join(bin, 'ssh'), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, 'ssh'), 0o755);
    };
    setVariables({ DOCKER_HOST: 'ssh://me@far:2222', PATH: bin });
    await expect(echo()).rejects.toThrow(/spawn ssh ENOENT/);
    setVariables({ PATH: `${bin}${delimiter}${path}` });
    ssh('echo "me@far: Permission denied (publickey)." >&2; exit 255');
    await expect(echo()).rejects.toThrow(/at ssh:\/\/me@far:2222 \(me@far: Permission denied/);
    ssh(`echo "$@" > ${bin}/arguments; DOCKER_HOST=${host} exec docker system dial-stdio`);
    expect(await echo()).toBe('there and back');
    const given = readFileSync(join(bin, 'arguments'), 'utf8');
    expect(given).toMatch(/-l me -p 2222 -- far docker system dial-stdio\n$/);
  });
});

/** A directory with the certificate of an authority, and one for 127.0.0.1 that it vouches for. */
function makeCertificates(): string {
  const directory = temporaryDirectory();
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=test');
  openssl('req', ...curve, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=engine');
  writeFileSync(join(directory, 'extensions'), 'subjectAltName=IP:127.0.0.1');
  const authority = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'];
  openssl(
    'x509',
    '-req',
    '-in',
    'request.pem',
    ...authority,
    '-extfile',
    'extensions',
    '-out',
    'cert.pem',
  );
  return directory;
}

/**
 * A configuration of the docker command with a context
 * `far`, whose engine's certificate is not checked.
 */
function contextWith(host: string, files: Readonly<Record<string, Buffer | undefined>>): string {
  const config = temporaryDirectory();
  const id = createHash('sha256').update('far').digest('hex');
  const [meta, tls] = ['meta', 'tls'].map((kind) => join(config, 'contexts', kind, id));
  for (const path of [meta, join(tls ?? '', 'docker')]) mkdirSync(path ?? '', { recursive: true });
  const endpoints = { docker: { Host: host, SkipTLSVerify: true } };
  writeFileSync(join(meta ?? '', 'meta.json'), JSON.stringify({ Endpoints: endpoints }));
  for (const [name, bytes] of Object.entries(files)) {
    if (bytes) writeFileSync(join(tls ?? '', 'docker', `${name}.pem`), bytes);
  }
  return config;
}
