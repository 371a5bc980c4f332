/** The thread behind KeyService: takes archives with their seals, answers with their keys. */
import { workerData } from 'node:worker_threads';
import { messageOf, TaskfsError } from '../../errors.ts';
import type { UnlockAnswer, UnlockRequest, UnlockSetup } from './key-service.ts';

const { port, answered, store, identities } = workerData as UnlockSetup;

port.on('message', async (request: UnlockRequest) => {
  port.postMessage(await unlock(request));
  Atomics.store(answered, 0, 1);
  Atomics.notify(answered, 0);
});

async function unlock({ archive, seal }: UnlockRequest): Promise<UnlockAnswer> {
  try {
    const { unlockArchive } = await import('../../archive/index.ts');
    return { keys: await unlockArchive(archive, await identitiesNow(), seal) };
  } catch (error) {
    if (!(error instanceof TaskfsError)) {
      return { kind: 'failed', message: messageOf(error), hint: undefined };
    }
    return { kind: error.kind, message: error.message, hint: error.hint };
  }
}

/** Read again each time: an identity may be added while the mount is there. */
async function identitiesNow(): Promise<readonly string[]> {
  if (identities) return identities;
  const { loadIdentities } = await import('../../store/index.ts');
  return loadIdentities(store);
}
