import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openToken } from '../../src/fernet/index.ts';
import { tokenOf } from '../support/agents-runner.ts';
import { newCli } from '../support/cli.ts';
import { describeContents, describeTree, makeDifficultTree } from '../support/difficult-tree.ts';

it('seals a directory as it is, and leaves it alone', async () => {
  const cli = newCli();
  const [source, copy] = [join(cli.base, 'source'), join(cli.base, 'copy')];
  mkdirSync(source, { mode: 0o700 });
  makeDifficultTree(source);
  const before = describeTree(source);
  const imported = await cli.run('import', source, '--name', 'old', '-l', 'from=ci');
  expect(imported).toMatchObject({ code: 0, stdout: 'old\n' });
  expect(describeTree(source)).toEqual(before);
  expect(await cli.json('status', 'old', '--json')).toMatchObject({
    status: 'completed',
    artifacts: 'sealed',
    labels: { from: 'ci' },
  });
  await cli.run('export', '--keep-setid', 'old', copy);
  expect(describeTree(copy, ['pipe'])).toEqual(describeTree(source, ['pipe']));
  expect(describeContents(copy)).toEqual(describeContents(source));
  expect(await cli.run('import', join(cli.base, 'nowhere'))).toMatchObject({ code: 3 });
});

/** The vector of the specification, in its file verify.json. */
it('reads the Fernet token of the specification', () => {
  const key = Buffer.from('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=', 'base64url');
  const token =
    'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4' +
    'BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';
  expect(openToken(Buffer.from(token), key).toString()).toBe('hello');
  const changed = token.replace('AAECAwQ', 'AAECAwR');
  expect(() => openToken(Buffer.from(changed), key)).toThrow(/changed/);
  expect(() => openToken(Buffer.from(token.slice(0, 40)), key)).toThrow(/no Fernet token/);
});

it("brings along the predecessor's archives, and says what it could not read", async () => {
  const cli = newCli();
  const source = join(cli.base, 'task-17');
  mkdirSync(source);
  const add = (name: string, content: string, environment: string, meta: object = {}) => {
    const uuid = randomUUID();
    writeFileSync(join(source, `${uuid}.enc`), tokenOf(content, 'task-17', environment));
    const fields = {
      uuid,
      original_filename: name,
      mime_type: 'text/plain',
      encrypted_at: '2024-05-06T07:08:09+00:00',
      size_bytes: content.length,
      ...meta,
    };
    writeFileSync(join(source, `${uuid}.meta`), JSON.stringify(fields));
    return uuid;
  };
  add('report.txt', 'one', 'default');
  add('report.txt', 'two', '');
  const hostile = add('../../escaped', 'three', 'default');
  const short = add('short', 'four', 'default', { size_bytes: 99 });
  const foreign = add('foreign', 'five', 'another');
  const ran = await cli.run('import', '--from', 'agents-runner', source, '--name', 'old');
  expect(ran).toMatchObject({ code: 5, stdout: 'old\n' });
  expect(ran.stderr).toContain(`Not read: ${short}.enc: it has 4 bytes, not 99`);
  expect(ran.stderr).toContain(`Not read: ${foreign}.enc`);
  const copy = join(cli.base, 'copy');
  await cli.run('export', 'old', copy);
  const names = describeTree(copy).map((line) => line.split('\t')[0]);
  expect(names.sort()).toEqual(['', hostile, 'report-2.txt', 'report.txt'].sort());
  const contents = ['report.txt', 'report-2.txt'].map((name) =>
    readFileSync(join(copy, name), 'utf8'),
  );
  expect(contents.sort()).toEqual(['one', 'two']);
  expect(statSync(join(copy, 'report.txt')).mtime.toISOString()).toBe('2024-05-06T07:08:09.000Z');
  expect(describeContents(copy).attributes).toContain(
    `user.mime_type=0x${Buffer.from('text/plain').toString('hex')}`,
  );

  const plain = join(cli.base, 'plain');
  mkdirSync(plain);
  const only = ['--environment', 'another', '--to', plain];
  const decrypted = await cli.run('import', '--from', 'agents-runner', source, ...only);
  expect(decrypted.stdout).toContain('1 file, ');
  expect(readFileSync(join(plain, 'foreign'), 'utf8')).toBe('five');
});
