/**
 * The program of a background mount's server: takes one request from its parent, answers, serves.
 */
import { flushCompileCache } from 'node:module';
import { messageOf, TaskfsError } from '../errors.ts';
import { exitProcess } from '../process/index.ts';
import type { ServerAnswer, ServerRequest } from './background.ts';
import { serveUntilUnmounted } from './foreground.ts';

process.once('message', (request: ServerRequest) => {
  const { store, mountpoint, options } = request;
  serveUntilUnmounted(store, mountpoint, options, ({ driver, live, notes }) => {
    answer({ ready: true, driver, live, notes });
    // Now, not at the end: a server is often killed, and the next one takes less memory with the
    // cache.
    flushCompileCache();
  }).then(
    () => exitProcess(0),
    (error) => answer(refusal(error), () => exitProcess(1)),
  );
});

function refusal(error: unknown): ServerAnswer {
  if (!(error instanceof TaskfsError)) {
    return { ready: false, kind: 'failed', message: messageOf(error) };
  }
  const { kind, message, hint } = error;
  return { ready: false, kind, message, ...(hint === undefined ? {} : { hint }) };
}

/** Where the parent is gone or has disconnected, nobody is answered. */
function answer(what: ServerAnswer, after: () => void = () => {}): void {
  if (!process.connected || !process.send) {
    after();
    return;
  }
  process.send(what, () => {
    if (process.connected) process.disconnect();
    after();
  });
}
