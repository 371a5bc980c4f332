import type { Finding } from '../archive/index.ts';
import { parseTaskName } from '../store/index.ts';
import type { Store } from './store.ts';

/** Options of `verify`. */
export interface VerifyOptions {
  /** Only these; all, and the chain of seals, by default. */
  readonly tasks?: readonly string[];
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
  { tasks, deep = false, repair = false, signer, last }: VerifyOptions = {},
): Promise<readonly Finding[]> {
  const { parseKeptLines, parseSigner, verifyArchives } = await import(
    '../archive/verify/index.ts'
  );
  const which = {
    tasks: tasks?.map(parseTaskName),
    kept: {
      signer: signer === undefined ? undefined : parseSigner(signer),
      lines: last === undefined ? undefined : parseKeptLines(last),
    },
    identities: deep || repair ? await identities() : [],
  };
  if (!repair) return (await verifyArchives(paths, { ...which, deep })).findings;
  const { repairArchives } = await import('../archive/maintain/index.ts');
  return (await repairArchives(paths, which)).findings;
}
