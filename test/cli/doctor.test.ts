import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { main, newCli } from '../support/cli.ts';
import { until } from '../support/until.ts';

interface Supervised {
  readonly status: string;
  readonly supervisorPid: number;
}

interface Finding {
  readonly what: string;
  readonly says: string;
  readonly commands?: readonly string[];
}

it('doctor --fix puts right what the user may', async () => {
  const base = newCli({ user: 'plain' });
  const XDG_CONFIG_HOME = join(base.base, 'config');
  const cli = newCli({ user: 'plain', store: base.store, env: { XDG_CONFIG_HOME } });
  await cli.run('init');
  await cli.run('run', '-d', '--name', 'left', '--', 'sleep', '1000');
  const mountpoint = join(base.base, 'tasks');
  await cli.run('service', 'install', mountpoint, '--no-start');
  const supervisor = await until('it runs', async () => {
    const task = await cli.json<Supervised>('status', 'left', '--json');
    return task.status === 'running' ? task.supervisorPid : undefined;
  });
  process.kill(supervisor, 'SIGKILL');
  const open = ['', 'keys', 'keys/identity.txt', 'staging'].map((name) => join(cli.store, name));
  for (const path of open) chmodSync(path, 0o755);
  expect((await cli.run('doctor')).stdout).toContain('mode 0755');

  const { stdout } = await cli.run('doctor', '--fix');
  for (const path of open) expect(statSync(path).mode & 0o077).toBe(0);
  expect(existsSync(mountpoint)).toBe(true);
  expect(stdout).toMatch(/ok {4}task left: /);
  expect(await cli.json('status', 'left', '--json')).toMatchObject({ artifacts: 'sealed' });
  const again = await cli.run('doctor', '--fix');
  expect(again.stdout).not.toMatch(/task left|yours alone|was made/);

  // Keys that are out of reach are neither gone, nor the end of all other checks.
  const keys = join(cli.store, 'keys');
  const recipients = join(keys, 'recipients.txt');
  for (const path of [keys, recipients]) {
    const { mode } = statSync(path);
    chmodSync(path, 0);
    const { code, stdout: said } = await cli.run('doctor');
    chmodSync(path, mode);
    expect(code).toBe(1);
    expect(said).toMatch(/^bad {3}keys: .*: permission denied/m);
    expect(said).toContain('mounts:');
  }
  renameSync(keys, `${keys}.away`);
  expect((await cli.run('doctor')).stdout).toMatch(/keys: .* are gone\. Put .* from a backup/);
});

// The socket is to be another user's.
it.runIf(process.geteuid?.() === 0)('doctor says the commands for what needs root', async () => {
  const { base } = newCli({ user: 'plain' });
  const socket = join(base, 'engine.sock');
  const server = createServer().listen(socket);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  chmodSync(socket, 0o660);
  chownSync(socket, 0, 1);
  const cli = newCli({ user: 'plain', env: { DOCKER_HOST: `unix://${socket}` } });
  const words = { NODE: process.execPath, MAIN: main };
  const ran = await cli.script('PATH=/nowhere; exec "$NODE" "$MAIN" doctor --json', words);
  const findings = JSON.parse(ran.stdout) as Finding[];
  const commandsOf = (what: string) => findings.find((each) => each.what === what)?.commands;
  expect(commandsOf('mounting')).toEqual(['sudo apt-get install fuse3']);
  expect(commandsOf('containers')).toContain('newgrp daemon');
  const isAllowed = /^user_allow_other$/m.test(readFileSync('/etc/fuse.conf', 'utf8'));
  expect(commandsOf('others') === undefined).toBe(isAllowed);
});

it('upgrade-store says that a store is current, and refuses a newer one by name', async () => {
  const cli = newCli();
  expect((await cli.run('upgrade-store')).code).toBe(3);
  await cli.run('init');
  expect(await cli.run('upgrade-store')).toMatchObject({
    code: 0,
    stdout: `${cli.store} has format 1, the current one\n`,
  });
  writeFileSync(join(cli.store, 'store.json'), '{"format":2}\n');
  const refused = await cli.run('upgrade-store');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('format 2') });
  expect(readFileSync(join(cli.store, 'store.json'), 'utf8')).toBe('{"format":2}\n');
});
