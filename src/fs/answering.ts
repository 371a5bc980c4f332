import { toErrno } from './to-errno.ts';

/**
 * The methods of an object with every refusal made an Errno: what lies below a file system throws
 * what Node's fs and the store throw.
 */
export function answering<T extends object>(target: T): { [K in keyof T]: T[K] } {
  const { prototype } = target.constructor;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  const answer = (name: string) => {
    const method = (target as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
    return (...args: unknown[]): unknown => {
      try {
        return method.apply(target, args);
      } catch (error) {
        throw toErrno(error);
      }
    };
  };
  return Object.fromEntries(names.map((name) => [name, answer(name)])) as { [K in keyof T]: T[K] };
}
