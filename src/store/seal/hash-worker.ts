import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** The next stretch of what is hashed, in shared memory; none: the hash is asked for. */
export type HashRequest = Uint8Array | undefined;

/** The hash in hexadecimal, or that a stretch was taken in: its memory may be filled anew. */
export type HashReply = string | undefined;

const hash = createHash('sha256');

parentPort?.on('message', (stretch: HashRequest) => {
  if (stretch) hash.update(stretch);
  const reply: HashReply = stretch ? undefined : hash.digest('hex');
  parentPort?.postMessage(reply);
});
