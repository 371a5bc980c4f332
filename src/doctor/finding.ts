import { explain } from '../errors.ts';

/** The result of one check, or of one repair. */
export interface Finding {
  readonly verdict: 'good' | 'note' | 'bad';
  /** What it is about: `keys`, `task build`, `mount /mnt/tasks`. */
  readonly what: string;
  /** How that is, in words. */
  readonly says: string;
  /** What the user may run to put it right. */
  readonly commands?: readonly string[];
}

export const good = (what: string, says: string): Finding => ({ verdict: 'good', what, says });
export const note = (what: string, says: string): Finding => ({ verdict: 'note', what, says });
export const bad = (what: string, says: string): Finding => ({ verdict: 'bad', what, says });

/** What an action returns, or a finding that says why it failed. */
export function valueOrFinding<T>(what: string, action: () => T): T | Finding {
  try {
    return action();
  } catch (error) {
    return bad(what, explain(error));
  }
}
