import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

/** A request on its way to an engine, without its settings. */
export interface PassingRequest {
  readonly method: string;
  readonly path: string;
  /** Cuts its caller off at the first byte of the answer, which does not arrive. */
  cutOff(): void;
}

const REQUEST_LINE = /^(GET|POST|DELETE|HEAD) ([^\s?]+)\S* HTTP/;

/** A socket before an engine's: makes it the engine of this test, and shows what is asked. */
export async function listenBefore(
  host: string,
  onRequest: (request: PassingRequest) => void,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    const engine = connect({ path: host.replace('unix://', ''), allowHalfOpen: true });
    for (const end of [socket, engine])
      end.on('error', () => [socket, engine].map((one) => one.destroy()));
    const cutOff = (): void => {
      engine.unpipe(socket);
      engine.once('data', () => socket.destroy()).resume();
    };
    socket.on('data', (chunk: Buffer) => {
      const [, method, path] = REQUEST_LINE.exec(chunk.toString('latin1')) ?? [];
      if (method && path) onRequest({ method, path, cutOff });
    });
    socket.pipe(engine).pipe(socket);
  });
  const path = join(temporaryDirectory(), 'engine.sock');
  server.listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  const before = process.env.DOCKER_HOST;
  process.env.DOCKER_HOST = `unix://${path}`;
  onTestFinished(() => {
    process.env.DOCKER_HOST = before;
    server.close();
  });
}
