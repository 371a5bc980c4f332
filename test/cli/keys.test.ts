import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';

async function sealedTask(cli: Cli): Promise<void> {
  await cli.run('run', '--name', 'a', '--', 'sh', '-c', 'echo hi > "$TASKFS_ARTIFACTS/f"');
}

/** An identity file made by the age program, and its recipient. */
function otherIdentity(cli: Cli, name = 'other.txt'): { file: string; recipient: string } {
  const file = join(cli.base, name);
  execFileSync('age-keygen', ['-o', file], { stdio: 'ignore' });
  return { file, recipient: execFileSync('age-keygen', ['-y', file]).toString().trim() };
}

describe('keys', () => {
  it('open archives for whom they were added, and no more once removed', async () => {
    const cli = newCli();
    await sealedTask(cli);
    const other = otherIdentity(cli);
    const read = () => cli.run('cat', '--identity', other.file, 'a', 'f');
    expect((await read()).code).toBe(4);
    const added = await cli.json('key', 'add', other.recipient, '--label', 'backup', '--json');
    expect(added).toEqual({ rewrapped: 1, failed: [] });
    expect((await read()).stdout).toBe('hi\n');
    const shown = await cli.json<{ label: string; recipient: string }[]>('key', '--json');
    expect(shown.map(({ label }) => label).sort()).toEqual(['backup', 'owner']);
    expect((await cli.run('key', 'remove', 'backup')).code).toBe(0);
    expect((await read()).code).toBe(4);
    expect((await cli.run('key', 'rotate')).code).toBe(0);
    expect((await cli.run('cat', 'a', 'f')).stdout).toBe('hi\n');
    expect(await cli.script('$T key recovery 2>/dev/full')).toMatchObject({ code: 1, stdout: '' });
    expect(await cli.json('key', 'show', '--json')).toHaveLength(1);
    const { stderr } = await cli.run('key', 'recovery');
    const recovery = join(cli.base, 'recovery.txt');
    writeFileSync(recovery, /AGE-SECRET-KEY-1\S+/.exec(stderr)?.[0] ?? '');
    expect((await cli.run('cat', '--identity', recovery, 'a', 'f')).stdout).toBe('hi\n');
    flipByte(join(cli.store, 'archive/a/key.age'), 100);
    expect((await cli.run('key', 'rotate')).code).toBe(5);
    expect((await cli.run('key', 'add', 'nonsense')).code).toBe(2);
    expect((await cli.run('key', 'remove', 'nobody')).code).toBe(3);
    expect((await cli.run('key', 'burn')).code).toBe(2);
  });

  it('open one archive alone for whom they were added to it, through a rotation', async () => {
    const cli = newCli();
    await sealedTask(cli);
    await cli.run('run', '--name', 'b', '--', 'sh', '-c', 'echo bye > "$TASKFS_ARTIFACTS/f"');
    const other = otherIdentity(cli);
    const read = (task: string) => cli.run('cat', '--identity', other.file, task, 'f');
    const added = await cli.run('key', 'add', other.recipient, '--label', 'guest', '--task', 'a');
    expect(added).toMatchObject({ code: 0, stdout: '1 archive has the new recipients\n' });
    expect((await cli.run('key', 'rotate')).code).toBe(0);
    expect(await read('a')).toMatchObject({ code: 0, stdout: 'hi\n' });
    expect(await read('b')).toMatchObject({ code: 4 });
    const shown = async (...of: string[]) =>
      (await cli.json<{ label: string }[]>('key', 'show', '--json', ...of)).map(
        ({ label }) => label,
      );
    expect(await shown()).toEqual(['owner']);
    expect(await shown('--task', 'a')).toEqual(['owner', 'guest']);
    expect((await cli.run('key', 'remove', 'guest')).code).toBe(3);
    expect((await cli.run('key', 'remove', 'guest', '--task', 'a')).code).toBe(0);
    expect(await read('a')).toMatchObject({ code: 4 });
    expect((await cli.run('cat', 'a', 'f')).stdout).toBe('hi\n');
    expect((await cli.run('verify', '--deep')).code).toBe(0);
    const add = (...args: string[]) => cli.run('key', 'add', other.recipient, ...args);
    expect((await add('--task', 'none')).code).toBe(3);
    expect((await cli.run('key', 'rotate', '--task', 'a')).code).toBe(2);
  });

  it('come from a file, the environment or a command where the store has none', async () => {
    const cli = newCli();
    await sealedTask(cli);
    const elsewhere = join(cli.base, 'identity.txt');
    renameSync(join(cli.store, 'keys/identity.txt'), elsewhere);
    const without = await cli.run('cat', 'a', 'f');
    expect(without.code).toBe(4);
    expect(without.stderr).toContain('--identity');
    expect((await cli.run('ls', '--identity', elsewhere, 'a')).stdout).toBe('f\n');
    expect((await cli.run('logs', `--identity-cmd=cat '${elsewhere}'`, 'a')).code).toBe(0);
    expect((await cli.run('cat', '--identity-cmd', 'echo nothing', 'a', 'f')).code).toBe(4);
    expect(
      await cli.run('cat', '--identity-cmd', 'echo locked >&2; exit 1', 'a', 'f'),
    ).toMatchObject({
      code: 4,
      stderr: 'taskfs: the command of --identity-cmd failed: locked\n',
    });
    expect((await cli.run('cat', '--identity', join(cli.base, 'none'), 'a', 'f')).code).toBe(3);
    const directory = await cli.run('cat', '--identity', cli.base, 'a', 'f');
    expect(directory).toMatchObject({ code: 1, stderr: expect.stringContaining(cli.base) });
    // A machine that only seals goes on sealing.
    expect((await cli.run('run', '--', 'true')).code).toBe(0);
    expect((await cli.run('verify')).code).toBe(0);
    expect((await cli.run('verify', '--deep')).code).toBe(4);
    renameSync(elsewhere, join(cli.store, 'keys/identity.txt'));
  });

  it('are not changed where nothing at hand opens the archives', async () => {
    const cli = newCli();
    await sealedTask(cli);
    const elsewhere = join(cli.base, 'identity.txt');
    renameSync(join(cli.store, 'keys/identity.txt'), elsewhere);
    // No new key is made that would open new archives only.
    const keys = () => execFileSync('sh', ['-c', 'cat "$0"/*', join(cli.store, 'keys')]).toString();
    const before = keys();
    for (const action of ['rotate', 'recovery']) {
      const refused = await cli.run('key', action);
      expect(refused).toMatchObject({ code: 4, stdout: '' });
      expect(refused.stderr).toMatch(/opens any archive: no key was changed\n.*--identity/);
      expect(refused.stderr).not.toContain('AGE-SECRET-KEY');
      expect(keys()).toBe(before);
    }
    // A recipient is left out of new archives at once, and of the old ones as soon as they open.
    const other = otherIdentity(cli);
    expect((await cli.run('key', 'add', other.recipient, '--identity', elsewhere)).code).toBe(0);
    const removed = await cli.run('key', 'remove', 'added');
    expect(removed).toMatchObject({ code: 4, stdout: '0 archives have the new recipients\n' });
    expect((await cli.run('cat', '--identity', other.file, 'a', 'f')).code).toBe(0);
    expect((await cli.run('doctor')).stdout).toContain("still open for what was 'added'");
    expect((await cli.run('key', 'remove', 'added', '--identity', elsewhere)).code).toBe(0);
    expect((await cli.run('cat', '--identity', other.file, 'a', 'f')).code).toBe(4);
    expect((await cli.run('doctor')).stdout).not.toContain('still open');
    // An identity that is kept elsewhere, behind a link, stays there.
    symlinkSync(elsewhere, join(cli.store, 'keys/identity.txt'));
    const old = readFileSync(elsewhere, 'utf8');
    expect((await cli.run('key', 'rotate')).code).toBe(0);
    expect(readFileSync(elsewhere, 'utf8')).not.toBe(old);
    expect(await cli.run('cat', 'a', 'f', '--identity', elsewhere)).toMatchObject({ code: 0 });
    rmSync(join(cli.store, 'keys/identity.txt'));
    renameSync(elsewhere, join(cli.store, 'keys/identity.txt'));
  });
});

describe('a store made for recipients elsewhere', () => {
  it('seals, and is read with their identities only', async () => {
    const cli = newCli();
    const [one, two] = [otherIdentity(cli, 'one.txt'), otherIdentity(cli, 'two.txt')];
    expect((await cli.run('init', '--recipient', 'nonsense')).code).toBe(2);
    expect(existsSync(cli.store)).toBe(false);
    expect((await cli.run('init', '--recipient', one.recipient, '--passphrase')).code).toBe(2);
    const made = await cli.run(
      ...['init', '--recipient', one.recipient, '--recipient', two.recipient],
    );
    expect(made).toMatchObject({ code: 0, stdout: `${cli.store}\n` });
    expect(made.stderr).not.toContain('AGE-SECRET-KEY');
    expect(readdirSync(join(cli.store, 'keys')).sort()).toEqual([
      'lock',
      'recipients.txt',
      'signing.key',
      'signing.pub',
    ]);
    await sealedTask(cli);
    expect((await cli.run('cat', 'a', 'f')).code).toBe(4);
    expect((await cli.run('verify')).code).toBe(0);
    for (const { file } of [one, two]) {
      expect((await cli.run('cat', '--identity', file, 'a', 'f')).stdout).toBe('hi\n');
    }
    const rotated = await cli.run('key', 'rotate', '--identity', one.file);
    expect(rotated).toMatchObject({ code: 2, stderr: expect.stringContaining('age-keygen') });
    expect((await cli.run('key', 'remove', 'reader 2', '--identity', one.file)).code).toBe(0);
    expect((await cli.run('cat', '--identity', two.file, 'a', 'f')).code).toBe(4);
    expect((await cli.run('cat', '--identity', one.file, 'a', 'f')).stdout).toBe('hi\n');
    expect((await cli.run('init')).code).toBe(2);
  });
});

describe('taskfs verify', () => {
  it('tells damage, and an archive that is gone from one that was removed', async () => {
    const cli = newCli();
    await sealedTask(cli);
    for (const name of ['b', 'c']) await cli.run('run', '--name', name, '--', 'true');
    expect(await cli.json('verify', '--deep', '--json')).toEqual({ archives: 3, findings: [] });
    await cli.run('rm', 'c');
    expect((await cli.run('verify')).code).toBe(0);
    flipByte(join(cli.store, 'archive/a/artifacts.tar.enc'), 300);
    const { code, stdout } = await cli.run('verify', '--deep', '--json');
    expect(code).toBe(5);
    const found = expect.objectContaining({ kind: 'damaged', task: 'a', path: 'f' });
    expect(JSON.parse(stdout).findings).toContainEqual(found);
    const cat = await cli.run('cat', 'a', 'f');
    expect(cat).toMatchObject({ code: 5, stdout: '' });
    rmSync(join(cli.store, 'archive/b'), { recursive: true });
    const gone = JSON.parse((await cli.run('verify', '--json')).stdout).findings;
    expect(gone).toContainEqual(expect.objectContaining({ kind: 'missing', task: 'b' }));
    expect(await cli.run('verify', 'nobody')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no task is named nobody'),
    });
  });
});

function flipByte(path: string, at: number): void {
  const byte = readFileSync(path)[at] ?? 0;
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.of(byte ^ 1), 0, 1, at);
  closeSync(fd);
}
