import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';

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
  expect(await named.run('service')).toMatchObject({ code: 3 });

  const text = readFileSync(unit, 'utf8');
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  const words = [...line.matchAll(/"((?:\\.|[^"])*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined ? `${plain}` : quoted.replaceAll('$$', '$').replaceAll('%%', '%'),
  );
  // The other side of sd_notify(3).
  const socket = join(cli.base, 'notify');
  const listener = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1]); print("bound", flush=True)
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

it('an installation that systemd does not take leaves all as it was', async () => {
  const cli = newCli();
  // No manager of the user's is asked there.
  const away = { XDG_RUNTIME_DIR: cli.base, DBUS_SESSION_BUS_ADDRESS: `unix:path=${cli.base}/no` };
  const env = { ...away, XDG_CONFIG_HOME: join(cli.base, 'config') };
  const alone = newCli({ store: cli.store, env });
  const install = (directory: string, ...options: string[]) =>
    alone.run('service', 'install', join(cli.base, directory), ...options);
  const unit = join(cli.base, 'config/systemd/user/taskfs.service');
  const refused = await install('first');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/'systemctl --user' failed: .*--no-start/s);
  expect(existsSync(unit)).toBe(false);
  await install('first', '--no-start');
  const before = readFileSync(unit, 'utf8');
  expect(await install('second')).toMatchObject({ code: 1 });
  expect(readFileSync(unit, 'utf8')).toBe(before);
});

/**
 * As root, in namespaces of its own: what systemd looks for where it was booted, and a control
 * group that the plain user may divide. What is mounted there ends with the namespace.
 */
const BOOTED = `set -e
mount --make-rprivate /
mount -t tmpfs none /run && mkdir -p /run/systemd/system
mount -t cgroup2 none /sys/fs/cgroup
group=/sys/fs/cgroup/taskfs-test-$$-$RANDOM
mkdir "$group" && chown -R 65534 "$group"
echo $$ > "$group/cgroup.procs"
code=0
setpriv --reuid=65534 --regid=65534 --clear-groups -- bash -c "$1" || code=$?
echo $$ > /sys/fs/cgroup/cgroup.procs
for try in $(seq 100); do
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.1
done
exit $code`;

/** As the plain user, under a manager of theirs. */
const SESSION = `systemd=/lib/systemd/systemd
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
"$systemd" --user --log-target=null & manager=$!
wait_for() {
  for try in $(seq 300); do if "$@"; then return; fi; sleep 0.1; done
  echo "waited in vain: $*"; exit 1
}
main() { systemctl --user show --property=MainPID --value taskfs.service; }
wait_for test -S "$XDG_RUNTIME_DIR/systemd/private"
"$T" service install "$HOME/tasks" >/dev/null || exit 1
ls "$HOME/tasks"; "$T" service status
first=$(main); kill -9 "$first"
restarted() {
  systemctl --user --quiet is-active taskfs.service || return 1
  now=$(main); [ "$now" != "$first" ] && [ "$now" != 0 ]
}
wait_for restarted
ls "$HOME/tasks"; "$T" service status
"$T" service remove
grep -c " $HOME/tasks " /proc/self/mounts
systemctl --user is-enabled taskfs.service 2>/dev/null || echo gone
kill "$manager"; wait "$manager"`;

// Only root may make the namespaces.
it.runIf(process.geteuid?.() === 0 && existsSync('/lib/systemd/systemd'))(
  'a real systemd of the user mounts, mounts again where the server was killed, and unmounts',
  async () => {
    const cli = newCli({ user: 'plain' });
    const HOME = cli.base;
    const env = {
      PATH: process.env.PATH,
      HOME,
      XDG_RUNTIME_DIR: join(HOME, 'run'),
      TASKFS_STORE: cli.store,
      T: launcher,
    };
    const flags = ['--mount', '--cgroup', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const args = [...flags, 'bash', '-c', BOOTED, 'bash', SESSION];
    const { stdout } = await execute('unshare', args, { env, cwd: HOME, timeout: 110_000 });
    const shown = ['archive', 'live', 'logs', `${HOME}/tasks: active`];
    expect(stdout.split('\n')).toEqual([...shown, ...shown, '0', 'gone', '']);
  },
  120_000,
);
