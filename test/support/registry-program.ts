/**
 * A registry to pull from (OCI distribution, pull only), in a process of its own that is put into
 * the network of an engine: on one port for everybody, on a second one for user:secret. It has two
 * images:
 *   good   is there
 *   slow   the same, but its second layer comes in drops, for minutes
 * Prints both ports in a line; then `asked` when somebody fetches that layer, `left` when he goes
 * away.
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const MiB = 1024 * 1024;

interface Blob {
  readonly digest: string;
  readonly bytes: Buffer;
}

const blob = (bytes: Buffer): Blob => ({ digest: `sha256:${sha256(bytes)}`, bytes });
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The tar of a directory that `fill` filled. */
function layer(fill: (directory: string) => void): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'taskfs-registry-'));
  chmodSync(directory, 0o755);
  try {
    fill(directory);
    return execFileSync('tar', ['-C', directory, '-c', '.'], { maxBuffer: 100 * MiB });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const tars = [
  layer((directory) => {
    mkdirSync(join(directory, 'bin'));
    const busybox = execFileSync('which', ['busybox'], { encoding: 'utf8' }).trim();
    copyFileSync(busybox, join(directory, 'bin/busybox'));
    for (const name of ['sh', 'echo', 'true']) symlinkSync('busybox', join(directory, 'bin', name));
  }),
  layer((directory) => writeFileSync(join(directory, 'big'), randomBytes(8 * MiB))),
];
const layers = tars.map((tar) => blob(gzipSync(tar, { level: 1 })));
const config = blob(
  Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) },
    }),
  ),
);
const docker = 'application/vnd.docker';
const manifestType = `${docker}.distribution.manifest.v2+json`;
const describe = ({ digest, bytes }: Blob, mediaType: string) => ({
  mediaType,
  digest,
  size: bytes.length,
});
const manifest = blob(
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: describe(config, `${docker}.container.image.v1+json`),
      layers: layers.map((each) => describe(each, `${docker}.image.rootfs.diff.tar.gzip`)),
    }),
  ),
);

const login = `Basic ${Buffer.from('user:secret').toString('base64')}`;

const answer =
  (isPrivate: boolean) =>
  ({ url = '', headers }: IncomingMessage, response: ServerResponse): unknown => {
    if (isPrivate && headers.authorization !== login) {
      response.setHeader('www-authenticate', 'Basic realm="test"');
      return refuse(response, 401, 'UNAUTHORIZED');
    }
    if (url === '/v2/') return response.end('{}');
    const [, image, kind, reference] = url.match(/^\/v2\/(good|slow)\/(\w+)\/(.+)$/) ?? [];
    if (kind === 'manifests') return send(response, manifest, manifestType);
    const found = [config, ...layers].find(({ digest }) => digest === reference);
    if (!found) return refuse(response, 404, 'NAME_UNKNOWN');
    if (image === 'good' || found !== layers[1]) return send(response, found);
    return trickle(response, found);
  };

/** Sends 8 KiB every 100 ms: a megabyte takes 13 seconds. */
function trickle(response: ServerResponse, { bytes }: Blob): void {
  process.stdout.write('asked\n');
  response.writeHead(200, { 'content-length': bytes.length });
  let at = 0;
  const timer = setInterval(() => {
    response.write(bytes.subarray(at, at + 8192));
    at += 8192;
  }, 100);
  response.on('close', () => {
    clearInterval(timer);
    process.stdout.write('left\n');
  });
}

function send(
  response: ServerResponse,
  { bytes, digest }: Blob,
  type = 'application/octet-stream',
): void {
  response.setHeader('content-type', type);
  response.setHeader('docker-content-digest', digest);
  response.setHeader('content-length', bytes.length);
  response.end(bytes);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status;
  response.end(JSON.stringify({ errors: [{ code, message: code }] }));
}

async function serve(isPrivate: boolean): Promise<number> {
  const server = createServer(answer(isPrivate)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

process.stdout.write(`${await serve(false)} ${await serve(true)}\n`);
// Its input ends with the test, however that ends.
process.stdin.on('end', () => process.exit()).resume();
