import { strict as assert } from 'node:assert';

/**
 * One named promise of POSIX: throws where it does not hold in `directory`, which is empty and its
 * own.
 */
export type Check = (directory: string) => void;
export type Checks = Readonly<Record<string, Check>>;

/** The code of the refusal that an action ends with, or `none`. */
export function refusal(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EWOULDBLOCK' ? 'EAGAIN' : (code ?? String(error));
  }
}

/** Asserts that an action is refused with one of these codes. */
export function refuses(action: () => unknown, ...codes: string[]): void {
  const code = refusal(action);
  assert.ok(codes.includes(code), `expected ${codes.join(' or ')}, got ${code}`);
}
