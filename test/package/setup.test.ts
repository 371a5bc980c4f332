import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const scripts = join(import.meta.dirname, '../../scripts');

it('setup takes one exact version of Node where the one that is there is too old', () => {
  const checkout = temporaryDirectory();
  const bin = join(checkout, 'programs');
  const asked = join(checkout, 'asked');
  cpSync(scripts, join(checkout, 'scripts'), { recursive: true });
  mkdirSync(bin);
  const program = (name: string, script: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  program('node', 'echo v18.20.0');
  program('npm', `printf '%s\\n' "$@" > ${asked}; exit 7`);
  const env = { PATH: `${bin}:/usr/bin:/bin` };
  const setup = (): unknown =>
    execFileSync('bash', [join(checkout, 'scripts/setup')], { env, stdio: 'pipe' });
  expect(setup).toThrow(expect.objectContaining({ status: 7 }));
  expect(readFileSync(asked, 'utf8')).toMatch(/^node-\w+-\w+@24\.\d+\.\d+$/m);
});
