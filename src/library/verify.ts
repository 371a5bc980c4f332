import type { Finding } from '../archive/index.ts';
import { TaskfsError } from '../errors.ts';
import { parseTaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** Options of `verify`. */
export interface VerifyOptions {
  /** Only these; all, and the chain of seals, by default. */
  readonly tasks?: readonly string[];
  /** Of the only one of `tasks`: every byte of this file, or of all in this directory. */
  readonly path?: string | Uint8Array;
  /** Reads and compares every byte. */
  readonly deep?: boolean;
  /** As `deep`, and rebuilds damaged indexes. */
  readonly repair?: boolean;
  /** Who must have signed: the file of a public key, or its hash, as `getAnchor` has it. */
  readonly signer?: string;
  /** Seals that must be there: a file that an anchor filled, or the hash of one. */
  readonly last?: string;
}

/**
 * Verifies archives, as `taskfs verify` does, and returns what is wrong with them. Throws
 * TaskfsError `not-found`, `usage`.
 */
export async function verify(
  { paths, identities }: Store,
  { tasks, path, deep = false, repair = false, signer, last }: VerifyOptions = {},
): Promise<readonly Finding[]> {
  const { parseKept, verifyArchives } = await import('../archive/verify/index.ts');
  const which = {
    tasks: tasks?.map(parseTaskName),
    kept: parseKept(signer, last),
    identities: deep || repair || path !== undefined ? await identities() : [],
  };
  if (path !== undefined) {
    const [task, ...others] = which.tasks ?? [];
    if (!task || others.length > 0 || repair) {
      throw new TaskfsError('usage', 'a path is verified in one task, and not repaired');
    }
    const { verifyPath } = await import('../artifacts/index.ts');
    return (await verifyPath(paths, task, Buffer.from(path), which)).findings;
  }
  if (!repair) return (await verifyArchives(paths, { ...which, deep })).findings;
  const { repairArchives } = await import('../archive/maintain/index.ts');
  return (await repairArchives(paths, which)).findings;
}
