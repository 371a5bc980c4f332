import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { main, newCli } from '../support/cli.ts';
import { SecretWatch } from '../support/secret-watch.ts';
import { inTerminal } from '../support/tmux.ts';
import { until } from '../support/until.ts';

const IDENTITY = /AGE-SECRET-KEY-\S+/;
const identityIn = (text: string): string => IDENTITY.exec(text)?.[0] ?? '';

it('secrets are in no argument, environment, record or file but the identity file', async () => {
  const cli = newCli();
  const value = `value-${Math.random()}`;
  const inherited = `inherited-${Math.random()}`;
  await cli.run('init');
  const recovery = identityIn((await cli.run('key', 'recovery')).stderr);
  const keyFile = join(cli.store, 'keys/identity.txt');
  const identity = identityIn(readFileSync(keyFile, 'utf8'));
  const secrets = { value, inherited, recovery, identity };
  for (const secret of Object.values(secrets)) expect(secret.length).toBeGreaterThan(15);
  // The calls that they were typed for or are in the environment of, and the task itself.
  const watch = new SecretWatch(
    secrets,
    (line, environment) => line.includes(' run -d -e ') || environment.includes('TASKFS_TASK=t\0'),
  );
  const script =
    'echo "$API $INHERITED" > "$TASKFS_ARTIFACTS/f"; until [ -e "$0/go" ]; do sleep 0.05; done';
  const api = `API=${value}`;
  const caller = newCli({ store: cli.store, env: { INHERITED: inherited } });
  const given = ['-e', api, '-e', 'INHERITED', '--name', 't'];
  await caller.run('run', '-d', ...given, '--', 'sh', '-c', script, cli.base);
  await until('it runs', () => existsSync(join(cli.store, 'staging/t/f')));
  expect((await cli.json('status', 't', '--json')).env).toEqual(['API', 'INHERITED']);
  expect(existsSync(join(cli.base, 'go'))).toBe(false);
  writeFileSync(join(cli.base, 'go'), '');
  await cli.run('wait', 't');

  const elsewhere = join(cli.base, 'elsewhere.txt');
  copyFileSync(keyFile, elsewhere);
  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  const asked = `sleep 0.3; cat '${elsewhere}'`;
  expect((await cli.run('mount', '--identity-cmd', asked, mountpoint)).code).toBe(0);
  expect((await cli.run('verify', '--deep', '--identity', elsewhere)).code).toBe(0);
  expect((await cli.run('cat', '--identity-cmd', asked, 't', 'f')).stdout).toBe(
    `${value} ${inherited}\n`,
  );
  expect((await cli.run('key', 'add', '--debug', '--identity', elsewhere, 'nonsense')).code).toBe(
    2,
  );
  expect((await cli.run('key', 'rotate')).code).toBe(0);
  expect((await cli.run('cat', '--debug', '--identity', elsewhere, 't', 'f')).code).toBe(4);
  expect((await cli.run('unmount', mountpoint)).code).toBe(0);

  expect(watch.stop(cli.store, ['keys/identity.txt'])).toEqual([]);
  // It proves something only of processes that were looked at.
  for (const part of [/\/supervisor\S* supervise t /, /\/server\S*\.js/, /sh -c sleep 0.3; cat/]) {
    expect([...watch.seen].filter((line) => part.test(line))).not.toEqual([]);
  }
});

it('a passphrase is asked for on the terminal, not shown, and passed on to nobody', async () => {
  const cli = newCli();
  const passphrase = `correct-horse-${Math.random()}`;
  const terminal = await inTerminal(
    ['env', `TASKFS_STORE=${cli.store}`, 'bash', '--norc'],
    150,
    50,
  );
  const taskfs = (...args: string[]): string => [process.execPath, main, ...args].join(' ');
  const type = (text: string): Promise<void> => terminal.press(text, 'Enter');
  const says = (what: string) =>
    until(`it says ${what}`, async () => (await terminal.screen()).includes(what));
  // tmux is how this test types.
  const watch = new SecretWatch({ passphrase }, (line) => line.startsWith('tmux '));
  await type(`${taskfs('init', '--passphrase')}; echo ended $?`);
  await says('Passphrase:');
  await type(passphrase);
  await says('Once more:');
  await type(passphrase);
  await says('ended 0');
  const screen = await terminal.screen();
  const identities = { recovery: identityIn(screen) };
  expect(readFileSync(join(cli.store, 'keys/identity.txt'), 'latin1')).toMatch(
    /^age-encr.*\n-> scrypt /,
  );
  expect(
    (await cli.run('run', '--name', 't', '--', 'sh', '-c', 'echo hi > $TASKFS_ARTIFACTS/f')).code,
  ).toBe(0);

  const without = await cli.run('cat', 't', 'f');
  expect(without).toMatchObject({ code: 4, stderr: expect.stringContaining('terminal') });

  await type(`clear; ${taskfs('cat', 't', 'f')}; echo ended $?`);
  await says('Passphrase of');
  await type('wrong');
  await says('ended 4');
  await type(`clear; ${taskfs('cat', 't', 'f')}`);
  await says('Passphrase of');
  await terminal.press('C-c');
  // Not behind a semicolon: the shell ends the whole line with it.
  await type('echo ended $?');
  await says('ended 130');

  const mountpoint = join(cli.base, 'mnt');
  mkdirSync(mountpoint);
  await type(`clear; ${taskfs('mount', mountpoint)}; echo ended $?`);
  await says('Passphrase of');
  await type(passphrase);
  await says('ended 0');
  await type(`clear; cat ${mountpoint}/archive/t/f; echo ended $?`);
  await says('hi\nended 0');
  await cli.run('unmount', mountpoint);

  await type(`clear; ${taskfs('key', 'rotate')}; echo ended $?`);
  await says('Passphrase of');
  await type(passphrase);
  await says('Passphrase:');
  await type(`${passphrase}-new`);
  await says('Once more:');
  await type(`${passphrase}-new`);
  await says('ended 0');
  await type(`clear; ${taskfs('cat', 't', 'f')}; echo ended $?`);
  await says('Passphrase of');
  await type(`${passphrase}-new`);
  await says('hi\nended 0');

  expect(await terminal.screen()).not.toContain(passphrase);
  expect(screen).not.toContain(passphrase);
  expect(identities.recovery).not.toBe('');
  expect(watch.stop(cli.store, [])).toEqual([]);
});
