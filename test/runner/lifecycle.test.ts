import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listProcesses, readVariable } from '../../src/runner/engines/process/processes.ts';
import { submit, superviseTask, waitFor } from '../../src/runner/index.ts';
import { parseTaskName, readEvents, type Store, taskPaths } from '../../src/store/index.ts';
import { newStore, recordOf, runTask, shell, startProgram, startTask } from '../support/runner.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const eventTypes = (store: Store, name: string): string[] =>
  readEvents(taskPaths(store, parseTaskName(name)).events).map(({ type }) => type);

const isCleanedUp = (store: Store, name: string): boolean => {
  const { staging, log, archive } = taskPaths(store, parseTaskName(name));
  return existsSync(archive) && !existsSync(staging) && !existsSync(log);
};

const processesOf = (store: Store, name: string): number[] =>
  listProcesses()
    .filter(({ pid, state }) => {
      const artifacts = readVariable(pid, 'TASKFS_ARTIFACTS');
      return state !== 'Z' && artifacts === taskPaths(store, parseTaskName(name)).staging;
    })
    .map(({ pid }) => pid);

describe('a task', () => {
  it('runs in its surroundings, streams output, is sealed, and its plaintext goes', async () => {
    const store = await newStore();
    const cwd = temporaryDirectory();
    const script = 'pwd; echo "$TASKFS_TASK $HOME"; echo err >&2; echo x > "$TASKFS_ARTIFACTS/x"';
    const { code, stdout, stderr } = await runTask(store, 'one', shell(script, { cwd }));
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: `${cwd}\none ${process.env.HOME}\n`,
      stderr: 'err\n',
    });
    expect(recordOf(store, 'one')).toMatchObject({
      status: 'completed',
      artifacts: 'sealed',
      exitCode: 0,
      signal: null,
      reasonKind: 'exit',
      attempts: [{ exitCode: 0 }],
    });
    expect(eventTypes(store, 'one')).toEqual(['submitted', 'started', 'ended', 'sealed']);
    const { events } = taskPaths(store, parseTaskName('one'));
    expect(readEvents(events).at(-1)).toMatchObject({ files: 1, skipped: 0 });
    expect(isCleanedUp(store, 'one')).toBe(true);
  });

  it.each([
    ['exit 3', { status: 'failed', exitCode: 3, signal: null, reasonKind: 'exit' }],
    [
      'kill -SEGV $$',
      { status: 'failed', exitCode: null, signal: 'SIGSEGV', reasonKind: 'signal' },
    ],
  ])('that ends by `%s` says so', async (script, expected) => {
    const store = await newStore();
    await runTask(store, 'one', shell(script));
    expect(recordOf(store, 'one')).toMatchObject({ ...expected, artifacts: 'sealed' });
  });

  it.each([
    [['taskfs-no-such-command'], 127, /no command/],
    [['/etc/passwd'], 126, /not executable/],
    [['/'], 126, /not executable/],
  ])('with the command %j does not start: %i', async (command, exitCode, reason) => {
    const store = await newStore();
    await runTask(store, 'one', shell('', { command }));
    const record = recordOf(store, 'one');
    expect(record).toMatchObject({
      status: 'failed',
      exitCode,
      reasonKind: 'not-started',
      artifacts: 'sealed',
    });
    expect(record.reason).toMatch(reason);
  });

  it('in a directory that is not there says so', async () => {
    const store = await newStore();
    await runTask(store, 'one', shell('true', { cwd: '/no/such/directory' }));
    expect(recordOf(store, 'one')).toMatchObject({ reasonKind: 'not-started', exitCode: null });
    expect(recordOf(store, 'one').reason).toMatch('/no/such/directory');
  });

  it('that takes too long is ended, also when it ignores SIGTERM', async () => {
    const store = await newStore();
    const script = 'trap "" TERM; while :; do sleep 0.1; done';
    await runTask(store, 'one', shell(script, { timeoutMs: 200 }));
    expect(recordOf(store, 'one')).toMatchObject({
      status: 'failed',
      reasonKind: 'timeout',
      signal: 'SIGKILL',
      artifacts: 'sealed',
    });
    expect(processesOf(store, 'one')).toEqual([]);
  });

  it('gets the values given with -e, which are never written down', async () => {
    const store = await newStore();
    const claim = submit(store, {
      name: 'one',
      spec: shell('test "$SECRET" = "$(printf shib%s boleth)"', { env: ['SECRET'] }),
    });
    const record = await superviseTask(claim, { SECRET: 'shibboleth' });
    expect(record).toMatchObject({ status: 'completed', env: ['SECRET'] });
    const { record: path, events } = taskPaths(store, claim.task);
    expect(readFileSync(path, 'utf8') + readFileSync(events, 'utf8')).not.toMatch('shibboleth');
  });

  it('is tried again as often as asked for, each attempt listed', async () => {
    const store = await newStore();
    const script =
      'echo . >> "$TASKFS_ARTIFACTS/n"; exit $((3 - $(wc -l < "$TASKFS_ARTIFACTS/n")))';
    await runTask(store, 'one', shell(script, { retries: 5 }));
    const record = recordOf(store, 'one');
    expect(record.status).toBe('completed');
    expect(record.attempts.map(({ exitCode }) => exitCode)).toEqual([2, 1, 0]);
    await runTask(store, 'two', shell('exit 7', { retries: 1 }));
    expect(recordOf(store, 'two')).toMatchObject({ status: 'failed', exitCode: 7 });
    expect(recordOf(store, 'two').attempts).toHaveLength(2);
  });

  it('logs every byte of both streams in order', async () => {
    const store = await newStore();
    const script =
      'i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; sleep 60';
    const task = await startTask(store, 'one', shell(script));
    const { log } = taskPaths(store, task);
    const text = await until('the log is whole', () => {
      const now = readFileSync(log, 'utf8');
      return now.includes('err 1999\n') ? now : null;
    });
    const expected = Array.from({ length: 2000 }, (_, i) => `out ${i}\nerr ${i}\n`).join('');
    expect(text).toBe(expected);
  });
});

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
};

const sleepers = (): number[] =>
  listProcesses()
    .map(({ pid }) => pid)
    .filter((pid) => commandOf(pid) === 'sleep 4321.5');

const nobody = { uid: 65534, gid: 65534 };

async function storeOfNobody(): Promise<Store> {
  const store = await newStore();
  chownTree(store.path, nobody);
  chmodSync(dirname(store.path), 0o711);
  return store;
}

function chownTree(path: string, { uid, gid }: { uid: number; gid: number }): void {
  chownSync(path, uid, gid);
  for (const name of readdirSync(path, { recursive: true })) {
    chownSync(join(path, String(name)), uid, gid);
  }
}

describe('a supervisor', () => {
  // From the sources it takes more than the 80 MiB that test/package holds for what users install.
  it('does not keep output that comes fast: it stays below 120 MiB', async () => {
    const store = await newStore();
    // Built sources have no types to strip; here a first
    // run fills the cache that spares it the next.
    vi.stubEnv('NODE_COMPILE_CACHE', temporaryDirectory());
    onTestFinished(() => void vi.unstubAllEnvs());
    await waitFor(store, await startTask(store, 'first', shell('true')));
    const script = 'head -c 200000000 /dev/zero; echo end; sleep 3600';
    const task = await startTask(store, 'one', shell(script));
    const { log } = taskPaths(store, task);
    await until('all is logged', () => statSync(log).size === 200_000_004);
    const status = readFileSync(`/proc/${recordOf(store, 'one').supervisorPid}/status`, 'utf8');
    const kib = Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
    expect(kib).toBeGreaterThan(0);
    expect(kib / 1024).toBeLessThan(120);
  });
});

describe('a process that wants to outlive its task', () => {
  const script = `
    (setsid sleep 4321.5 &)
    setsid sh -c 'trap "" TERM HUP; sleep 4321.5' &
    sleep 4321.5 &
    echo done`;
  // Without its environment it is known only by its control group, or to a living supervisor.
  const nameless = `(setsid env -i sleep 4321.5 >/dev/null 2>&1 &) ; ${script}`;

  it('is killed with it, and does not keep it from ending', async () => {
    const store = await newStore();
    const { stdout } = await runTask(store, 'one', shell(nameless));
    expect(stdout).toBe('done\n');
    expect(recordOf(store, 'one').artifacts).toBe('sealed');
    expect(processesOf(store, 'one')).toEqual([]);
    expect(sleepers()).toEqual([]);
  });

  it.runIf(process.getuid?.() === 0)(
    'is killed also where no control group can be made: as a plain user (needs root to become one)',
    async () => {
      const store = await storeOfNobody();
      const { finished } = startProgram(
        store,
        'run',
        { name: 'one', spec: shell(nameless) },
        nobody,
      );
      expect(await finished).toMatchObject({ code: 0, stdout: 'done\n' });
      expect(recordOf(store, 'one').engineState).toMatchObject({ group: null });
      expect(sleepers()).toEqual([]);
    },
  );

  it.runIf(process.getuid?.() === 0)(
    'is killed by recovery without a control group, too (needs root to become a plain user)',
    async () => {
      const store = await storeOfNobody();
      const spec = shell('(setsid sleep 4321.5 &) ; sleep 4321.5 & wait');
      const { child, finished } = startProgram(store, 'run', { name: 'one', spec }, nobody);
      await until('all are there', () => processesOf(store, 'one').length === 3, 10_000);
      child.kill('SIGKILL');
      await finished;
      expect(processesOf(store, 'one').length).toBeGreaterThan(0);
      const recovered = await startProgram(store, 'recover', null, nobody).finished;
      expect(JSON.parse(recovered.stdout)).toMatchObject([{ task: 'one', outcome: 'sealed' }]);
      expect(processesOf(store, 'one')).toEqual([]);
    },
  );

  it('is killed by whoever waits for the task, when its supervisor was killed', async () => {
    const store = await newStore();
    const task = await startTask(store, 'one', shell(`${script}; sleep 4321.5`));
    await until('it runs', () => recordOf(store, 'one').status === 'running');
    await until('all are there', () => processesOf(store, 'one').length >= 4);
    process.kill(recordOf(store, 'one').supervisorPid ?? 0, 'SIGKILL');
    const record = await waitFor(store, task);
    expect(record).toMatchObject({ status: 'failed', reasonKind: 'interrupted' });
    expect(processesOf(store, 'one')).toEqual([]);
    expect(isCleanedUp(store, 'one')).toBe(true);
  });
});

describe('a name', () => {
  it.each(['../x', 'a/b', '-x', '.x', '', 'x'.repeat(200), 'a\nb'])(
    '%j is refused',
    async (name) => {
      const store = await newStore();
      expect(() => submit(store, { name, spec: shell('true') })).toThrow(/cannot be a task's name/);
      expect(existsSync(join(store.staging, name, '..', 'x'))).toBe(false);
    },
  );

  it('in use is refused, and of many who race for it one gets it', async () => {
    const store = await newStore();
    const runs = Array.from({ length: 6 }, () => runTask(store, 'one', shell('sleep 0.2')));
    const finished = await Promise.all(runs);
    expect(finished.filter(({ code }) => code === 0)).toHaveLength(1);
    for (const { code, stderr } of finished)
      if (code !== 0) expect(stderr).toMatch(/exists already/);
    expect(recordOf(store, 'one')).toMatchObject({ status: 'completed', artifacts: 'sealed' });
    expect(() => submit(store, { name: 'one', spec: shell('true') })).toThrow(/exists already/);
  });
});
