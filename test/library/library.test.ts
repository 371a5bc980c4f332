import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  addKey,
  changePolicy,
  doctor,
  events,
  extractAgentsRunner,
  extractShared,
  type Finding,
  getAnchor,
  getPolicy,
  importAgentsRunner,
  importDirectory,
  info,
  listGroups,
  listKeys,
  openStore,
  openTask,
  prune,
  receive,
  recover,
  removeGroup,
  removeKey,
  removePolicyRule,
  rerun,
  rotateKey,
  run,
  type Store,
  setAnchor,
  setGroup,
  setPolicy,
  TaskfsError,
  taskSizes,
  verify,
} from '../../src/library/index.ts';
import { tokenOf } from '../support/agents-runner.ts';
import { newCli } from '../support/cli.ts';
import { endTasks } from '../support/ending.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

async function newStore(): Promise<Store> {
  const store = await openStore({ path: join(temporaryDirectory(), 'store') });
  onTestFinished(() => endTasks(store.paths));
  return store;
}

const sh = (script: string): string[] => ['sh', '-c', script];

describe('the library', () => {
  it('runs tasks after others and in groups, seals a part, and tells of the end', async () => {
    const store = await newStore();
    const at = temporaryDirectory();
    setGroup(store, 'g', 1);
    const gate = join(at, 'gate');
    const gated = sh(`until [ -e ${gate} ]; do sleep 0.05; done; exit 2`);
    const first = await run(store, gated, { name: 'first', group: 'g' });
    const second = await run(store, sh('cd "$TASKFS_ARTIFACTS"; echo 1 > a.txt; echo 2 > b.log'), {
      name: 'second',
      group: 'g',
      priority: 3,
      artifacts: ['*.txt', '*.log'],
      exclude: ['*.log'],
      onEnd: `echo "$TASKFS_TASK $TASKFS_STATUS" > ${at}/ended`,
    });
    const third = await run(store, ['true'], { after: ['first', 'second'] });
    expect(third.status()).toMatchObject({ status: 'queued', awaiting: ['first', 'second'] });
    expect(listGroups(store)).toMatchObject([{ group: 'g', limit: 1, waiting: 1 }]);
    writeFileSync(gate, '');
    expect(await first.wait()).toMatchObject({ exitCode: 2 });
    expect(await third.wait()).toMatchObject({ status: 'cancelled', reasonKind: 'dependency' });
    expect(await second.wait()).toMatchObject({ status: 'completed', leftOut: 1 });
    expect((await second.list()).map(({ path }) => path)).toEqual(['a.txt']);
    await until('it was told', () => existsSync(join(at, 'ended')));
    expect(readFileSync(join(at, 'ended'), 'utf8')).toBe('second completed\n');

    const again = await rerun(store, 'second', { name: 'again' });
    expect(await again.wait()).toMatchObject({ priority: 3, leftOut: 1 });
    await expect(run(store, ['true'], { after: ['nobody'] })).rejects.toThrow(TaskfsError);
    await expect(run(store, ['true'], { exclude: ['[a'] })).rejects.toThrow('--exclude');
    await expect(run(store, [])).rejects.toThrow('no command to run');
    expect(await recover(store)).toEqual([]);
    removeGroup(store, 'g');
  }, 60_000);

  it('hands a task on, and removes what a policy does not keep', async () => {
    const store = await newStore();
    const at = temporaryDirectory();
    const task = await run(store, sh('echo 1 > "$TASKFS_ARTIFACTS/a"'), { name: 'a' });
    await task.wait();
    await (await run(store, ['true'], { name: 'b' })).wait();

    const long = await run(store, sh('echo up; exec sleep 1000'), { name: 'long' });
    await until('it uses something', async () => (await long.usage())?.memoryBytes);
    writeFileSync(join(at, 'in'), 'in');
    expect(await long.copyIn(join(at, 'in'), '')).toEqual({ files: 1, bytes: 2 });
    expect(await long.copyOut('in', join(at, 'out'))).toEqual({ files: 1, bytes: 2 });
    expect(readFileSync(join(at, 'out'), 'utf8')).toBe('in');
    symlinkSync('in', join(at, 'link'));
    await long.copyIn(join(at, 'link'), 'followed', { followLink: true });
    mkdirSync(join(at, 'empty'));
    await long.copyIn(join(at, 'empty'), 'unpacked');
    await long.unpack(long.pack('tar', 'in'), 'unpacked');
    await long.copyOut('unpacked', at, { contents: true });
    expect((await long.list()).map(({ path, type }) => [path, type])).toEqual([
      ['followed', 'file'],
      ['in', 'file'],
      ['unpacked', 'directory'],
      ['unpacked/in', 'file'],
    ]);
    expect(await long.exec(sh('test "$MORE" = 1 && exit 7'), { env: { MORE: '1' } })).toEqual({
      exitCode: 7,
      signal: null,
    });
    await expect(long.exec([])).rejects.toMatchObject({ kind: 'usage' });
    const printed = new Response(await long.log({ follow: true, tail: 1 })).text();
    await long.signal('SIGKILL');
    expect(await long.wait()).toMatchObject({ signal: 'SIGKILL' });
    expect(await printed).toBe('up\n');
    await expect(long.copyIn(join(at, 'in'), '')).rejects.toMatchObject({ kind: 'usage' });
    const renamed = await long.rename('renamed');
    expect(await (await renamed.blob('in')).text()).toBe('in');
    expect(await verify(store, { tasks: ['renamed'], path: 'unpacked' })).toEqual([]);
    const twice = verify(store, { path: 'in' });
    await expect(twice).rejects.toMatchObject({ kind: 'usage' });
    await renamed.remove();
    const forced = await run(store, ['sleep', '1000'], { name: 'forced' });
    await expect(forced.remove()).rejects.toMatchObject({ kind: 'usage' });
    await forced.remove({ force: true });
    expect(() => openTask(store, 'forced')).toThrow(TaskfsError);
    const sealed: string[] = [];
    for await (const { task: name, type } of events(store, { select: { name: '[ab]' } })) {
      if (type === 'sealed') sealed.push(name);
      if (sealed.length === 2) break;
    }
    expect(sealed).toEqual(['a', 'b']);

    const write = async (name: string, bytes: ReadableStream<Uint8Array>): Promise<string> => {
      writeFileSync(join(at, name), await buffer(bytes));
      return join(at, name);
    };
    const tar = await write('a.tar', task.pack('tar'));
    expect(execFileSync('tar', ['-xOf', tar, './a'], { encoding: 'utf8' })).toBe('1\n');
    const zip = await write('a.zip', task.pack('zip'));
    expect(readFileSync(zip).subarray(0, 2).toString()).toBe('PK');

    const other = newCli();
    await other.run('init');
    const [reader] = await other.json<{ recipient: string }[]>('key', 'show', '--json');
    const shared = await write('a.taskfs', task.share([reader?.recipient ?? '']));
    expect(await other.run('receive', shared)).toMatchObject({ code: 0 });
    expect((await other.run('cat', 'a', 'a')).stdout).toBe('1\n');

    const policy = { rules: [{ select: {}, keep: { last: 1 } }] };
    task.pin();
    expect(await prune(store, { policy })).toMatchObject({ removed: [], failed: [] });
    task.unpin();
    expect((await prune(store, { policy, dryRun: true })).removed).toEqual([]);
    expect((await prune(store, { policy })).removed).toEqual(['a']);
    await expect(prune(store)).rejects.toMatchObject({ kind: 'usage' });
  }, 60_000);

  it('imports and receives, says what takes space, sets who reads and what stays', async () => {
    const [store, other] = [await newStore(), await newStore()];
    const at = temporaryDirectory();
    const [source, theirs] = [join(at, 'source'), join(at, 'task-17')];
    mkdirSync(join(source, 'sub'), { recursive: true });
    writeFileSync(join(source, 'sub/a'), 'hello');
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'x.enc'), tokenOf('of old', 'task-17', 'default'));
    writeFileSync(join(theirs, 'y.enc'), 'nothing');

    const task = await importDirectory(store, source, { name: 'old', labels: { from: 'ci' } });
    const labels = { from: 'ci' };
    expect(await task.wait()).toMatchObject({ status: 'completed', artifacts: 'sealed', labels });
    await expect(importDirectory(store, join(at, 'no'))).rejects.toMatchObject({
      kind: 'not-found',
    });
    const before = await importAgentsRunner(store, theirs, { name: 'before' });
    expect(await before.wait()).toMatchObject({ artifacts: 'sealed', exitCode: 1 });
    expect(await (await before.blob('x')).text()).toBe('of old');
    expect(await new Response(await before.log()).text()).toContain('Not read: y.enc');

    const plain = join(at, 'plain');
    mkdirSync(plain);
    const { written, failed } = extractAgentsRunner(theirs, plain);
    expect([written, failed]).toMatchObject([[{ name: 'x', bytes: 6 }], [{ file: 'y.enc' }]]);
    expect(readFileSync(join(plain, 'x'), 'utf8')).toBe('of old');

    expect(await task.sizes()).toMatchObject([
      { path: '', bytes: 5 },
      { path: 'sub', bytes: 5 },
    ]);
    const sizes = await taskSizes(store, { name: 'old' });
    expect(sizes).toMatchObject([{ task: 'old', live: 0, sealed: expect.any(Number) }]);
    expect(info(store)).toMatchObject({ tasks: 2, artifacts: { sealed: 2 }, policy: null });
    expect(await task.seal()).toMatchObject({ artifacts: 'sealed' });
    expect(await task.reindex()).toMatchObject({ rebuilt: false });

    const [reader] = listKeys(other).map(({ recipient }) => recipient);
    const shared = join(at, 'old.taskfs');
    writeFileSync(shared, await buffer(task.share([`${reader}`])));
    const { signer } = getAnchor(store);
    for (const [wrong, kind] of [
      ['0'.repeat(64), 'damaged'],
      ['00', 'usage'],
    ] as const) {
      await expect(receive(other, shared, { signer: wrong })).rejects.toMatchObject({ kind });
    }
    const facts = { task: 'old', signer, leftOut: 0 };
    expect(await extractShared(other, shared, join(at, 'only'), { signer })).toEqual(facts);
    expect(readFileSync(join(at, 'only/sub/a'), 'utf8')).toBe('hello');
    const received = await receive(other, shared, { signer });
    expect(received.status()).toMatchObject({
      task: 'old',
      status: 'completed',
      labels: { 'shared-by': signer, 'shared-as': 'old' },
    });
    expect(await (await received.blob('sub/a')).text()).toBe('hello');

    expect(await addKey(store, `${reader}`, { label: 'other' })).toEqual({
      rewrapped: 2,
      failed: [],
    });
    const identity = join(other.path, 'keys/identity.txt');
    const byOther = openTask(await openStore({ path: store.path, identity }), 'old');
    expect(await (await byOther.blob('sub/a')).text()).toBe('hello');
    await removeKey(store, 'other');
    await expect(byOther.blob('sub/a')).rejects.toMatchObject({ kind: 'wrong-key' });
    const [old] = listKeys(store);
    expect(await rotateKey(store)).toMatchObject({ rewrapped: 2 });
    expect(listKeys(store)).not.toContainEqual(old);
    expect(await (await task.blob('sub/a')).text()).toBe('hello');

    const policy = { rules: [{ select: {}, keep: { last: 1 } }] };
    setPolicy(store, policy);
    expect(getPolicy(store)).toEqual(policy);
    const failedOnes = { select: { status: ['failed' as const] }, keep: { withinMs: 1000 } };
    const changed = { ...policy, rules: [...policy.rules, failedOnes], maxBytes: 5 };
    expect(changePolicy(store, { rules: [failedOnes], maxBytes: 5 })).toEqual(changed);
    expect(changePolicy(store, { auto: false })).toEqual({ ...changed, auto: false });
    expect(removePolicyRule(store, failedOnes.select).rules).toEqual(policy.rules);
    expect(() => removePolicyRule(store, failedOnes.select)).toThrow('no rule is about');
    expect(await verify(store, { tasks: ['old'], deep: true, signer })).toEqual([]);
    expect(await verify(store, { signer: '0'.repeat(64) })).not.toEqual([]);
    const wrong = { rules: [{ select: {}, keep: { last: -1 } }] };
    expect(() => setPolicy(store, wrong)).toThrow('not a policy');
    expect(() => setAnchor(store, { file: join(store.path, 'seals') })).toThrow('in the store');
    setAnchor(store, { file: join(at, 'seals') });
    expect(getAnchor(store)).toMatchObject({ anchor: { file: join(at, 'seals') } });
  }, 60_000);

  it('checks the store, puts right what it may, and makes one that only seals', async () => {
    const { path } = await newStore();
    chmodSync(path, 0o755);
    const of = (findings: readonly Finding[]) =>
      findings.filter(({ what }) => what === 'store' || what === path);
    expect(of(await doctor({ path }))).toMatchObject([{ verdict: 'bad', what: 'store' }]);
    expect(of(await doctor({ path, fix: true }))).toMatchObject([
      { verdict: 'good', what: path },
      { verdict: 'good', what: 'store', says: path },
    ]);
    expect(statSync(path).mode & 0o077).toBe(0);
    const [owner] = listKeys(await openStore({ path }));
    const place = join(temporaryDirectory(), 'sealing');
    const sealing = await openStore({ path: place, recipients: [`${owner?.recipient}`] });
    expect(listKeys(sealing)).toMatchObject([{ recipient: owner?.recipient }]);
    expect(existsSync(join(place, 'keys/identity.txt'))).toBe(false);
  });
});
