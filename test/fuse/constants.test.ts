import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FATTR, FOPEN, INIT, NOTIFY } from '../../src/fuse/protocol/constants.ts';
import { OP } from '../../src/fuse/protocol/opcode.ts';

const HEADER = '/usr/include/linux/fuse.h';

/**
 * What the C preprocessor makes of each name; names that this header does not have are left out.
 */
function valuesInC(names: readonly string[]): Map<string, number> {
  const header = readFileSync(HEADER, 'utf8');
  const known = names.filter((name) => new RegExp(`\\b${name}\\b`).test(header));
  const prints = known.map((name) => `printf("%llu\\n", (unsigned long long)${name});`);
  const source = `#include <stdio.h>
#include <linux/fuse.h>
int main(void) { ${prints.join(' ')} }`;
  const script = 'cc -x c -o "$0" - && "$0"; status=$?; rm -f "$0"; exit $status';
  const binary = `/tmp/taskfs-constants-${process.pid}`;
  const printed = execFileSync('sh', ['-c', script, binary], { input: source, encoding: 'utf8' });
  const values = printed.trim().split('\n').map(Number);
  return new Map(known.map((name, index) => [name, values[index] ?? Number.NaN]));
}

function check(prefix: string, ours: Readonly<Record<string, number>>, atLeast: number): void {
  const names = Object.keys(ours).map((name) => prefix + name);
  const inC = valuesInC(names);
  const compared = Object.fromEntries(
    [...inC].map(([name]) => [name, ours[name.slice(prefix.length)]]),
  );
  expect(Object.fromEntries(inC)).toEqual(compared);
  expect(inC.size).toBeGreaterThanOrEqual(atLeast);
}

describe('the protocol numbers', () => {
  test('of operations are those of <linux/fuse.h>', () => check('FUSE_', OP, 47));
  test('of INIT flags are those of <linux/fuse.h>', () => check('FUSE_', INIT, 18));
  test('of open flags are those of <linux/fuse.h>', () => check('FOPEN_', FOPEN, 5));
  test('of setattr flags are those of <linux/fuse.h>', () => check('FATTR_', FATTR, 10));
  test('of notifications are those of <linux/fuse.h>', () => check('FUSE_NOTIFY_', NOTIFY, 2));
});
