import { createHash } from 'node:crypto';
import { isDirectory } from '../../sys/index.ts';
import { needsChmod } from './temporary-chmod.ts';
import type { Visit } from './walk.ts';

/**
 * A digest of the names of a tree and of what stat says of its files: another one, once any of
 * them has changed. Times alone do not show that, for the clock may have been set back.
 */
export class TreeDigest {
  private readonly hash = createHash('sha256');
  private readonly fields = new BigUint64Array(6);

  /** Adds a step of a walk; all of them count, in their order. */
  add(visit: Visit): void {
    const { kind, name, stat } = visit;
    this.fields[0] = KINDS[kind] | BigInt(name.length << 2);
    this.fields[1] = stat.ino;
    this.fields[2] = kind === 'leaf' ? BigInt(stat.mode) : 0n;
    this.fields[3] = kind === 'leaf' ? stat.size : 0n;
    this.fields[4] = kind === 'leaf' ? stat.mtimeNs : 0n;
    this.fields[5] = kind === 'leaf' && keepsChangeTime(visit) ? stat.ctimeNs : 0n;
    this.hash.update(this.fields).update(name);
  }

  /** In hexadecimal; nothing can be added after that. */
  finish(): string {
    return this.hash.digest('hex');
  }
}

const KINDS = { enter: 0n, leave: 1n, leaf: 2n } as const;

/** Whether sealing itself changes no ctime: a temporary mode does, and so does renaming the top. */
export const keepsChangeTime = ({ stat }: Visit): boolean =>
  !isDirectory(stat.mode) && !needsChmod(stat);
