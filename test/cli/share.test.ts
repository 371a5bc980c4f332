import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { describeContents, describeTree } from '../support/difficult-tree.ts';

const SCRIPT = 'cd "$TASKFS_ARTIFACTS"; mkdir d; echo one > d/a; ln d/a b; echo printed';

async function ownRecipient(cli: Cli): Promise<string> {
  const all = await cli.json<{ recipient: string }[]>('key', 'show', '--json');
  return all[0]?.recipient ?? '';
}

it('a shared task opens for whom it is for, with taskfs or age and tar; else not', async () => {
  const [mine, theirs, others] = [newCli(), newCli(), newCli()];
  await mine.run('run', '--name', 'build', '--', 'sh', '-c', SCRIPT);
  await mine.run('run', '--name', 'other', '--', 'true');
  for (const cli of [theirs, others]) await cli.run('init');
  const recipient = await ownRecipient(theirs);
  const file = join(mine.base, 'build.taskfs');
  const shared = await mine.run('share', 'build', '--to', recipient, '--out', file);
  expect(shared).toMatchObject({ code: 0, stdout: `${file}\n` });
  const [, signer = ''] = /^Signed by ([0-9a-f]{64})\.$/m.exec(shared.stderr) ?? [];
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await mine.run('share', 'build', '--to', recipient, '--out', file)).toMatchObject({
    code: 2,
  });

  expect(await theirs.run('receive', file, '--signer', signer)).toMatchObject({
    code: 0,
    stdout: 'build\n',
  });
  const [plain, copy, direct] = ['plain', 'copy', 'direct'].map((name) => join(mine.base, name));
  await mine.run('export', 'build', `${plain}`);
  await theirs.run('export', 'build', `${copy}`);
  await theirs.run('receive', file, '--to', `${direct}`);
  for (const directory of [copy, direct]) {
    expect(describeTree(`${directory}`, [''])).toEqual(describeTree(`${plain}`, ['']));
    expect(describeContents(`${directory}`)).toEqual(describeContents(`${plain}`));
  }
  expect((await theirs.run('logs', 'build')).stdout).toBe('printed\n');
  expect(await theirs.json('status', 'build', '--json')).toMatchObject({
    labels: { 'shared-by': signer, 'shared-as': 'build' },
  });

  const byHand = join(mine.base, 'by-hand');
  mkdirSync(byHand);
  const shell = `tar -xf "$1" && cd build && age -d -i "$2" key.age > ../task.key &&
    age -d -i ../task.key artifacts.tar.enc | tar -x -C "$PWD"/..`;
  const identity = join(theirs.store, 'keys/identity.txt');
  execFileSync('sh', ['-c', shell, '-', file, identity], { cwd: byHand });
  expect(readFileSync(join(byHand, 'd/a'), 'utf8')).toBe('one\n');

  for (const cli of [others, mine]) {
    expect(await cli.run('receive', file, '--name', 'stolen')).toMatchObject({ code: 4 });
    expect((await cli.run('status', 'stolen')).code).toBe(3);
  }
});

it('a shared task that was changed, or is of somebody else, is refused', async () => {
  const cli = newCli();
  await cli.run('run', '--name', 'build', '--', 'sh', '-c', SCRIPT);
  const recipient = await ownRecipient(cli);
  const file = join(cli.base, 'build.taskfs');
  await cli.run('share', 'build', '--to', recipient, '--out', file);
  const whole = readFileSync(file);

  const refused = async (content: Buffer, words: string, code = 5, ...options: string[]) => {
    writeFileSync(file, content);
    const ran = await cli.run('receive', file, '--name', 'bad', ...options);
    expect({ code: ran.code, words: ran.stderr }).toEqual({
      code,
      words: expect.stringContaining(words),
    });
    expect(existsSync(join(cli.store, 'tasks/bad'))).toBe(false);
  };
  await refused(whole, 'not by 00', 5, '--signer', '0'.repeat(64));
  await refused(whole, "'00' cannot be the value of --signer", 2, '--signer', '00');
  const flipped = Buffer.from(whole);
  const at = whole.indexOf('age-encryption.org', whole.lastIndexOf('artifacts.tar.enc')) + 400;
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  await refused(flipped, 'is not what was sealed');
  await refused(
    whole.subarray(0, whole.length / 2),
    `${file} is not a shared task, or is incomplete`,
  );
  const missing = await cli.run('receive', join(cli.base, 'none.taskfs'));
  expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('none.taskfs') });
  await refused(
    Buffer.from(whole.toString('latin1').replace('"fileCount":', '"fileCount" :'), 'latin1'),
    '',
  );

  const [evil, tar] = [join(cli.base, 'evil'), join(cli.base, 'evil.taskfs')];
  mkdirSync(evil);
  writeFileSync(join(evil, 'x'), 'x');
  execFileSync('tar', ['-cPf', tar, '--transform', 's,.*,../../x,', join(evil, 'x')]);
  await refused(readFileSync(tar), "it holds '../../x'");
});
