import { expect, test } from 'vitest';
import { newCli } from '../support/cli.ts';

/** Ends well once `go` is there. */
const patient = `sh -c 'touch "$0/$1.up"; until [ -e "$0/go" ]; do sleep 0.05; done'`;

/**
 * Starts a run with a signal ignored, sends that signal, and lets the task end: prints the exit
 * code.
 */
const survives = (signal: string, ignored: string): string => `
  (trap '' ${ignored}; exec $T run --name ${signal} -- ${patient} "$PWD" ${signal}) & run=$!
  until [ -e ${signal}.up ]; do sleep 0.05; done
  kill -${signal} $run; kill -${signal} $run
  touch go; wait $run; echo $?; rm go`;

test.each(['HUP', 'INT', 'TERM', 'QUIT'])('a run that ignores SIG%s goes on', async (signal) => {
  const cli = newCli();
  expect((await cli.script(survives(signal, signal))).stdout).toBe('0\n');
});

test('other signals are heeded meanwhile', async () => {
  const cli = newCli();
  expect((await cli.script(survives('TERM', 'HUP'))).stdout).toBe('130\n');
});

test('nohup protects a run and a server in the foreground', async () => {
  const cli = newCli();
  const { stdout } = await cli.script(`
    nohup $T mount --foreground m >mount.out 2>&1 </dev/null & server=$!
    until [ -d m/live ]; do sleep 0.05; done
    nohup $T run --name nh -- ${patient} "$PWD" nh >run.out 2>&1 </dev/null & run=$!
    until [ -e nh.up ]; do sleep 0.05; done
    kill -HUP $run $server; touch go
    wait $run; echo $?; ls m; kill -TERM $server; wait $server; echo $?`);
  expect(stdout).toBe('0\narchive\nlive\nlogs\n0\n');
});

test("a shell's & protects a run from Ctrl-C, and wait as well", async () => {
  const cli = newCli();
  const { stdout } = await cli.script(`sh -c '
    $T run -d --name bg -- sh -c "sleep 600" >/dev/null 2>&1; $T wait bg & waiter=$!
    until grep -q epoll /proc/$waiter/wchan; do sleep 0.05; done
    kill -INT $waiter; $T cancel bg >/dev/null 2>&1; wait $waiter; echo $?'`);
  expect(stdout).toBe('bg: cancelled\n130\n');
});

test('nothing that taskfs notes for itself reaches a task', async () => {
  const cli = newCli();
  const { stdout } = await cli.script('$T run -- sh -c \'env | grep -c "^TASKFS_INHERITED"\'');
  expect(stdout.trim()).toBe('0');
});
