import type { TaskName } from '../store/index.ts';
import type { Extent } from '../tar/index.ts';

/** In which way something is not as it was sealed. */
export type FindingKind =
  /** A file, or the whole archive, is gone. */
  | 'missing'
  /** A file ends too early. */
  | 'truncated'
  /** Bytes are not those that were sealed. */
  | 'damaged'
  /** No identity at hand opens it: nothing can be said of its content. */
  | 'wrong-key'
  /** Sealed by another store. */
  | 'not-ours'
  /** Sealed by this store, but for another task or at another time. */
  | 'replaced'
  /** The record says something else than when the task was sealed. */
  | 'record-changed'
  /** The chain of seals itself was edited. */
  | 'chain-broken';

/** One thing that `verify` found. */
export interface Finding {
  readonly kind: FindingKind;
  /** Null where it concerns the chain. */
  readonly task: TaskName | null;
  /** The file in the archive, as `index.enc`; null where it concerns the whole. */
  readonly file: string | null;
  /** Byte in that file, where it is known. */
  readonly offset: number | null;
  /**
   * The artifact that is lost by it, as text; its raw bytes in base64 where they are not UTF-8.
   */
  readonly path: string | null;
  readonly pathBase64?: string;
  /** Which bytes of that artifact; null for all of them, or where it is not known. */
  readonly range: Extent | null;
  /** A sentence for a person. */
  readonly message: string;
}

/** Makes a finding of a task; what is not known is null. */
export function finding(
  task: TaskName | null,
  kind: FindingKind,
  message: string,
  at: Partial<Omit<Finding, 'kind' | 'task' | 'message'>> = {},
): Finding {
  const { file = null, offset = null, path = null, range = null, ...raw } = at;
  return { kind, task, file, offset, path, range, message, ...raw };
}
