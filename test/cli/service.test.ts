import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { newCli } from '../support/cli.ts';

const execute = promisify(execFile);

it('a unit that systemd accepts mounts at log-in, and is removed again', async () => {
  const cli = newCli();
  const named = newCli({ store: cli.store, env: { XDG_CONFIG_HOME: join(cli.base, 'config') } });
  const mountpoint = join(cli.base, 'my $tasks');
  const installed = await named.run('service', 'install', mountpoint, '--no-start');
  const unit = join(cli.base, 'config/systemd/user/taskfs.service');
  expect(installed).toMatchObject({ code: 0, stdout: `${unit}\n` });
  // What it says of the machine's own units is not ours.
  const verified = await execute('systemd-analyze', ['verify', '--user', '--man=no', unit]).catch(
    (error) => error,
  );
  expect(verified.stderr).not.toContain('taskfs');
  expect(await named.run('service', 'status')).toMatchObject({ code: 3 });

  const text = readFileSync(unit, 'utf8');
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  const words = [...line.matchAll(/"((?:\\.|[^"])*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? `${plain}` : quoted.replaceAll('$$', '$').replaceAll('%%', '%'),
  );
  // The other side of sd_notify(3).
  const socket = join(cli.base, 'notify');
  const listener = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True)
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)`;
  const python = spawn('python3', ['-c', listener, socket]);
  onTestFinished(() => void python.kill());
  const lines = createInterface(python.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('bound');
  const [program = '', ...args] = words;
  const env = { ...process.env, NOTIFY_SOCKET: socket };
  const server = spawn(program, args, { env, stdio: 'ignore' });
  onTestFinished(() => void server.kill());
  expect((await lines.next()).value).toContain('READY=1');
  expect((await execute('ls', [mountpoint])).stdout).toContain('live\n');
  server.kill('SIGTERM');
  await once(server, 'exit');
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(cli.base);

  expect(await named.run('service', 'remove', '--no-start')).toMatchObject({ code: 0 });
  expect(existsSync(unit)).toBe(false);
  expect(await named.run('service', 'remove')).toMatchObject({ code: 3 });
});
