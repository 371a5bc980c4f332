import type { TaskName } from '../task-name.ts';
import { encryptWhole } from './age-header.ts';

/** The content of key.age: an identity file, encrypted, so that `age -i` takes it as it is. */
export async function wrapTaskKey(
  task: TaskName,
  identity: string,
  recipients: readonly string[],
): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return await encryptWhole(encrypter, Buffer.from(`# taskfs task ${task}\n${identity}\n`));
}
