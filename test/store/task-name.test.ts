import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTaskName, makeTaskName, parseTaskName } from '../../src/store/index.ts';

describe('task names', () => {
  it.each(['a', 'A.b_c-9', '0', 'x'.repeat(128)])('accepts %s', (name) => {
    expect(parseTaskName(name)).toBe(name);
  });

  it.each([
    '',
    '.',
    '..',
    '.hidden',
    '-x',
    '_x',
    'a/b',
    '../a',
    'a\0b',
    'a b',
    'ä',
    'a\n',
    'x'.repeat(129),
    'x'.repeat(200),
  ])('refuses %j', (name) => {
    expect(() => parseTaskName(name)).toThrow(/cannot be a task's name/);
  });

  it('never accepts what could leave a directory or look like an option', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        if (isTaskName(text)) expect(text).toMatch(/^[A-Za-z0-9][^/\0\s]*$/);
      }),
    );
  });

  it('makes names that sort by time and do not meet', () => {
    const names = Array.from({ length: 200 }, () => makeTaskName(new Date(0)));
    expect(new Set(names).size).toBeGreaterThan(195);
    expect(names.every(isTaskName)).toBe(true);
    expect(makeTaskName(new Date(1e12)) < makeTaskName(new Date(1e12 + 1000))).toBe(true);
  });
});
