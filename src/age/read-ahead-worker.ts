/** The thread behind DecryptAhead: reads and opens chunks that will be asked for, and puts each in its place. */
import { closeSync, constants, openSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { threadNumber } from '../sys/index.ts';
import { PLACE } from './chunk-cache.ts';
import { CHUNK, openChunkInto, SEALED_CHUNK, TAG } from './payload.ts';
import type { AheadRequest, AheadSetup } from './read-ahead.ts';

const { memory, states, thread } = workerData as AheadSetup;
const plaintext = Buffer.from(memory);
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const readAsync = promisify(read);
const spare: Buffer[] = [];
let before: Promise<void> = Promise.resolve();
Atomics.store(thread, 0, threadNumber());

// All that was asked for is read at once, so that the disk has work while chunks are opened in turn.
parentPort?.on('message', (request: AheadRequest) => {
  const reading = readSealed(request).catch(() => undefined);
  before = before.then(async () => {
    const sealed = await reading;
    request.places.forEach((place, at) => {
      const isOpen = sealed !== undefined && open(request, at, sealed);
      settle(place, isOpen ? PLACE.ready : PLACE.empty);
    });
    if (sealed) spare.push(sealed);
  });
});

/** Opens the file by itself: the descriptor of the asking thread may be another file's by now. */
async function readSealed({ path, start, length, first, places }: AheadRequest): Promise<Buffer> {
  const from = first * SEALED_CHUNK;
  const size = Math.min(places.length * SEALED_CHUNK, length - from);
  const room = spare.pop() ?? Buffer.alloc(0);
  const sealed = room.length >= size ? room : Buffer.allocUnsafeSlow(size);
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    for (let got = 0; got < size; ) {
      const { bytesRead } = await readAsync(fd, sealed, got, size - got, start + from + got);
      if (bytesRead === 0) throw new Error(`${path} is truncated`);
      got += bytesRead;
    }
    return sealed;
  } finally {
    closeSync(fd);
  }
}

/** Opens one of the chunks into its place. False: whoever needs it will hear what is wrong with it. */
function open(request: AheadRequest, at: number, sealed: Buffer): boolean {
  const number = request.first + at;
  const begin = number * SEALED_CHUNK;
  const end = Math.min(begin + SEALED_CHUNK, request.length);
  const bytes = sealed.subarray(at * SEALED_CHUNK, at * SEALED_CHUNK + end - begin);
  const room = (request.places[at] ?? 0) * CHUNK;
  const plain = plaintext.subarray(room, room + bytes.length - TAG);
  return openChunkInto(request.key, number, end === request.length, bytes, plain);
}

/** Says what became of a place, once: from then on it may be wanted for something else. */
function settle(place: number, state: number): void {
  Atomics.store(states, place, state);
  Atomics.notify(states, place);
}
