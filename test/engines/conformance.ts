import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { TaskfsError } from '../../src/errors.ts';
import type { Engine, Exit, Launch } from '../../src/runner/engines/engine.ts';
import { type EngineRun, newLaunch, startRun } from '../support/engine-run.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);

/** An engine under test. */
export interface Subject {
  readonly engine: Engine;
  /** What each launch has besides its command: an image, where the engine needs one. */
  readonly launch: Partial<Launch>;
  /** Whether a run takes input from the caller. */
  readonly takesInput: boolean;
  readonly canPause: boolean;
  /**
   * How it is tested that the exit codes 126 and 127 are
   * told: `it`, or what stands for a shortfall.
   */
  readonly itTellsExecution?: typeof it | typeof it.fails;
}

/** What every engine must do; adding an engine means passing this. */
export function describeEngine({
  engine,
  launch: base,
  takesInput,
  canPause,
  itTellsExecution = it,
}: Subject): void {
  const launch = (command: readonly string[], more: Partial<Launch> = {}): Launch =>
    newLaunch(command, { ...base, ...more });
  const script = (text: string, more: Partial<Launch> = {}): Promise<EngineRun> =>
    startRun(engine, launch(['sh', '-c', text], more));

  it('hands on both streams, whole, before it says that the run ended', async () => {
    const { running, output } = await script('echo out; echo err >&2; printf last');
    expect(await running.ended).toMatchObject({ exitCode: 0, signal: null, kind: 'exit' });
    expect(output.stdout).toBe('out\nlast');
    expect(output.stderr).toBe('err\n');
  });

  it('hands on output while the run goes on', async () => {
    const wait = (file: string): string =>
      `while [ ! -e "$TASKFS_ARTIFACTS/${file}" ]; do sleep 0.05; done`;
    const {
      running,
      output,
      launch: made,
    } = await script(`echo one; ${wait('first')}; echo two; ${wait('second')}; echo three`);
    await until('the first line came', () => output.stdout === 'one\n');
    writeFileSync(join(made.staging, 'first'), '');
    await until('the second line came', () => output.stdout === 'one\ntwo\n');
    writeFileSync(join(made.staging, 'second'), '');
    await running.ended;
    expect(output.stdout).toBe('one\ntwo\nthree\n');
  });

  it('tells the exit code', async () => {
    const { running } = await script('exit 7');
    expect(await running.ended).toMatchObject({ exitCode: 7, signal: null, kind: 'exit' });
  });

  it('tells the signal that ended the command', async () => {
    const { running } = await script('kill -9 $$');
    expect(await running.ended).toMatchObject({
      exitCode: null,
      signal: 'SIGKILL',
      kind: 'signal',
    });
  });

  it('passes bytes on as they are: no valid text, no line, more than a pipe holds', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256));
    const made = launch(['sh', '-c', 'cat "$TASKFS_ARTIFACTS/bytes"']);
    writeFileSync(join(made.staging, 'bytes'), bytes);
    const { running, output } = await startRun(engine, made);
    await running.ended;
    expect(output.bytes.stdout.equals(bytes)).toBe(true);
  });

  it('shows the task its artifacts directory, which is the staging directory', async () => {
    const run = await script('echo made > "$TASKFS_ARTIFACTS/file"; cat "$TASKFS_ARTIFACTS/file"');
    expect(await run.running.ended).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(run.launch.staging, 'file'), 'utf8')).toBe('made\n');
  });

  it('passes variables, whatever is in them', async () => {
    const env = { PLAIN: 'a b', ODD: 'x=y\n"$HOME"', EMPTY: '' };
    const { running, output } = await script('printf "%s|%s|%s" "$PLAIN" "$ODD" "$EMPTY"', { env });
    await running.ended;
    expect(output.stdout).toBe(`${env.PLAIN}|${env.ODD}|`);
  });

  it('passes arguments as they are', async () => {
    const args = ['', 'two words', '$HOME', "it's", '*', 'line\nbreak'];
    const made = launch(['sh', '-c', 'for a; do printf "[%s]" "$a"; done', 'sh', ...args]);
    const { running, output } = await startRun(engine, made);
    await running.ended;
    expect(output.stdout).toBe(args.map((arg) => `[${arg}]`).join(''));
  });

  itTellsExecution('says 127 for a command that is not there', async () => {
    expect(await shellCode(engine, launch(['no-such-command']))).toBe(127);
    expect(await shellCode(engine, launch(['/no/such/command']))).toBe(127);
  });

  itTellsExecution('says 126 for what cannot be executed', async () => {
    expect(await shellCode(engine, launch(['/etc/passwd']))).toBe(126);
  });

  it('passes a signal on, and the command may handle it', async () => {
    const { running, output } = await script(
      'trap "echo caught; exit 3" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await until('the trap is set', () => output.stdout === 'ready\n');
    await running.signal('SIGTERM');
    expect(await running.ended).toMatchObject({ exitCode: 3 });
    expect(output.stdout).toBe('ready\ncaught\n');
  });

  it('ends a command that ignores SIGTERM with SIGKILL', async () => {
    const { running, output } = await script(
      'trap "" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await until('the trap is set', () => output.stdout === 'ready\n');
    await running.signal('SIGTERM');
    await running.signal('SIGKILL');
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL', kind: 'signal' });
  });

  it('takes a signal for a run that has ended', async () => {
    const { running } = await script('true');
    await running.ended;
    await running.signal('SIGTERM');
    await running.signal('SIGKILL');
  });

  it.runIf(canPause)('stands still while it is paused, and goes on', async () => {
    const { running, launch: made } = await script(
      'i=0; while :; do i=$((i+1)); echo $i > "$TASKFS_ARTIFACTS/count"; sleep 0.01; done',
    );
    const count = (): number => {
      const text = readFileSync(join(made.staging, 'count'), { encoding: 'utf8', flag: 'a+' });
      return Number(text.trim() || 0);
    };
    await until('it counts', () => count() > 3);
    await running.pause();
    await sleep(50);
    const seen = count();
    for (let look = 0; look < 10; look += 1) {
      await sleep(20);
      expect(count()).toBe(seen);
    }
    await running.resume();
    await until('it counts on', () => count() > seen + 3);
    await running.signal('SIGKILL');
    await running.ended;
  });

  it.runIf(canPause)('ends also while it is paused', async () => {
    const { running } = await script('sleep 1000');
    await running.pause();
    await running.signal('SIGKILL');
    await running.resume();
    expect(await running.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('leaves no process behind, however it was started', async () => {
    const mark = `taskfs-mark-${process.pid}-${Date.now()}`;
    const spawn = `(setsid sh -c 'sleep 1000; : ${mark}' >/dev/null 2>&1 &)`;
    const { running, output } = await script(`${spawn}; echo started`);
    await until('it started', () => output.stdout === 'started\n');
    await running.ended;
    await until('nothing is left', async () => !(await isRunning(mark)));
  });

  it('removes a run that goes on, and again', async () => {
    const mark = `taskfs-mark-${process.pid}-${Date.now()}`;
    const { running, state } = await script(`sleep 1000; : ${mark}`);
    await until('it runs', () => isRunning(mark));
    await engine.remove(state());
    await running.ended;
    expect(await isRunning(mark)).toBe(false);
    await engine.remove(state());
  });

  it.runIf(canPause)('removes a run that is paused', async () => {
    const mark = `taskfs-mark-${process.pid}-${Date.now()}`;
    const { running, state } = await script(`sleep 1000; : ${mark}`);
    await until('it runs', () => isRunning(mark));
    await running.pause();
    await engine.remove(state());
    await running.ended;
    expect(await isRunning(mark)).toBe(false);
  });

  it('keeps two runs at once apart', async () => {
    const runs = await Promise.all(
      ['one', 'two'].map((task) => script('echo $TASKFS_TASK; sleep 0.2', { task })),
    );
    for (const { running } of runs) await running.ended;
    expect(runs.map(({ output }) => output.stdout)).toEqual(['one\n', 'two\n']);
  });

  it.runIf(takesInput)('passes input on, and its end', async () => {
    const stdin = new PassThrough();
    const options = { ...base.options, interactive: true };
    const { running, output } = await startRun(engine, launch(['cat'], { options }), { stdin });
    stdin.write('first\n');
    await until('the first line is back', () => output.stdout === 'first\n');
    stdin.end('second');
    expect(await running.ended).toMatchObject({ exitCode: 0 });
    expect(output.stdout).toBe('first\nsecond');
  });
}

/** The exit code that a user sees: an engine may find out before the start, or by the exit. */
async function shellCode(engine: Engine, launch: Launch): Promise<number | null> {
  try {
    const { running } = await startRun(engine, launch);
    const exit: Exit = await running.ended;
    return exit.exitCode;
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    const codes: Partial<Record<TaskfsError['kind'], number>> = {
      'command-not-found': 127,
      'not-executable': 126,
    };
    return codes[error.kind] ?? null;
  }
}

async function isRunning(mark: string): Promise<boolean> {
  const { stdout } = await execute('ps', ['-eo', 'args']);
  return stdout.includes(mark);
}
