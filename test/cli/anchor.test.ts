/**
 * What was kept outside of a store tells when the store was rolled back, or signed anew by another.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signerOf } from '../../src/archive/index.ts';
import { readSeal, serialiseSeal, sha256, signed } from '../../src/archive/seal-record.ts';
import {
  createSigningKey,
  keyPaths,
  loadSigningKey,
  openStore,
  type Store,
} from '../../src/store/index.ts';
import { type Cli, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

interface State {
  readonly signer: string;
  readonly last: string;
}

const verify = (cli: Cli, ...options: string[]) => cli.run('verify', ...options);

async function anchoredStore(): Promise<{ cli: Cli; kept: string; state: () => Promise<State> }> {
  const cli = newCli();
  const kept = join(cli.base, 'kept.jsonl');
  await cli.run('init');
  await cli.json('anchor', '--file', kept, '--json');
  const state = () => cli.json<{ signer: string; last: string }>('anchor', '--json');
  return { cli, kept, state };
}

test('each seal is appended to a file elsewhere, which shows a rolled back store', async () => {
  const { cli, kept, state } = await anchoredStore();
  await cli.run('run', '--name', 'one', '--', 'true');
  const older = join(cli.base, 'older');
  execFileSync('cp', ['-a', cli.store, older]);
  await cli.run('run', '-d', '--name', 'two', '--', 'true');
  await cli.run('wait', 'two');
  const chain = readFileSync(join(cli.store, 'seals.jsonl'), 'utf8');
  // The task is over before its seal is handed on.
  await until('both are there', () => readFileSync(kept, 'utf8') === chain);
  const { signer, last } = await state();
  expect((await verify(cli, '--signer', signer, '--last', kept)).code).toBe(0);
  expect((await verify(cli, '--last', last)).code).toBe(0);

  rmSync(cli.store, { recursive: true });
  renameSync(older, cli.store);
  expect((await verify(cli)).code).toBe(0);
  for (const seals of [kept, last]) {
    const { code, stdout } = await verify(cli, '--signer', signer, '--last', seals);
    expect(code).toBe(5);
    expect(stdout).toMatch(/chain-broken: .* 1 of [12] lines .*(of task two|with the hash)/);
  }
});

/** As somebody does who may write the whole store, and has no key of its owner's to sign with. */
function signAnew(store: Store): void {
  const { signing, verifying } = keyPaths(store);
  createSigningKey(signing, verifying);
  const key = loadSigningKey(store);
  let previous: string | null = null;
  const lines: string[] = [];
  for (const task of readdirSync(store.archive)) {
    const archive = join(store.archive, task);
    const { signature: _, ...seal } = readSeal(archive);
    const text = serialiseSeal(signed({ ...seal, previous, signer: signerOf(key) }, key));
    writeFileSync(join(archive, 'seal.json'), text);
    const body = { type: 'sealed', task, seal: sha256(text), at: seal.sealedAt, previous };
    lines.push(JSON.stringify(signed(body, key)));
    previous = sha256(lines.at(-1) ?? '');
  }
  writeFileSync(join(store.path, 'seals.jsonl'), lines.map((line) => `${line}\n`).join(''));
}

test('a store signed anew with another key is found by the signer, and by the seals', async () => {
  const { cli, kept, state } = await anchoredStore();
  const pem = join(cli.base, 'kept.pub');
  await cli.run('run', '--name', 'one', '--', 'true');
  const { signer } = await state();
  cpSync(join(cli.store, 'keys/signing.pub'), pem);
  expect((await verify(cli, '--signer', pem)).code).toBe(0);
  signAnew(openStore(cli.store));
  expect((await verify(cli)).code).toBe(0);
  for (const named of [signer, pem]) {
    const { code, stdout } = await verify(cli, '--signer', named);
    expect(code).toBe(5);
    expect(stdout).toContain('not-ours');
  }
  expect((await verify(cli, '--last', kept)).code).toBe(5);
  expect((await verify(cli, '--last', kept, 'one')).code).toBe(5);
});

test('an anchor that fails is an event and words; task and next seal are fine', async () => {
  const { cli, kept } = await anchoredStore();
  await cli.run('anchor', '--command', 'echo no room >&2; exit 3');
  const ran = await cli.run('run', '--name', 'one', '--', 'sh', '-c', 'exit 7');
  expect(ran.code).toBe(7);
  expect(ran.stderr).toMatch(/task one was not handed to the store's anchor: .* 3: no room/);
  expect((await cli.run('events', 'one', '--json')).stdout).toContain('"not-anchored"');
  expect(await cli.json('status', 'one', '--json')).toMatchObject({ artifacts: 'sealed' });
  await cli.run('anchor', '--command', `cat >> '${kept}'`);
  expect((await cli.run('run', '--name', 'two', '--', 'true')).stderr).toBe('');
  expect((await cli.run('events', 'two', '--json')).stdout).toContain('"anchored"');
  expect(readFileSync(kept, 'utf8')).toMatch(/^\{"type":"sealed","task":"two",.*\}\n$/);
  expect((await verify(cli, '--last', kept)).code).toBe(0);
  await cli.run('anchor', '--off');
  await cli.run('run', '--name', 'three', '--', 'true');
  expect(readFileSync(kept, 'utf8')).not.toContain('three');
});

test('what cannot be an anchor, or something that was kept, is refused', async () => {
  const { cli, kept } = await anchoredStore();
  writeFileSync(kept, 'nothing\n');
  const settings = readFileSync(join(cli.store, 'store.json'), 'utf8');
  symlinkSync(join(cli.store, 'keys'), join(cli.base, 'link'));
  const nowhere = join(cli.base, 'nowhere');
  const without = await cli.run('anchor', '--file', join(nowhere, 'seals'));
  expect(without.stderr).toMatch(`there is no directory ${nowhere} for the anchor's file\n`);
  const refused = [
    ['anchor', '--file', join(nowhere, 'seals')],
    ['anchor', '--file', cli.base],
    ['anchor', '--file', '/dev/null'],
    ['anchor', '--file', ''],
    ['anchor', '--command', ' '],
    ['anchor', '--file', join(cli.base, 'link/seals')],
    ['anchor', '--file', join(cli.store, 'keys/seals')],
    ['anchor', '--file', kept, '--off'],
    ['verify', '--last', kept],
    ['verify', '--last', join(cli.base, 'none')],
    ['verify', '--signer', kept],
    // What never ends is not read for ever.
    ['verify', '--signer', '/dev/zero'],
    ['verify', '--last', '/dev/zero'],
    ['verify', '--deep', '--identity', '/dev/zero'],
    // Nor is an empty path the current directory.
    ['mount', ''],
    ['import', ''],
  ];
  for (const args of refused) expect((await cli.run(...args)).code, args.join(' ')).toBe(2);
  expect(readFileSync(join(cli.store, 'store.json'), 'utf8')).toBe(settings);
  expect(await cli.json('ps', '-a', '--json')).toEqual([]);
});
