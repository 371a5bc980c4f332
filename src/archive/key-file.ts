import { encryptFor } from '../age/index.ts';
import type { TaskName } from '../store/index.ts';

/** The content of key.age: an identity file, encrypted, so that `age -i` takes it as it is. */
export async function wrapTaskKey(
  task: TaskName,
  identity: string,
  recipients: readonly string[],
): Promise<Uint8Array> {
  return await encryptFor(recipients, Buffer.from(`# taskfs task ${task}\n${identity}\n`));
}
