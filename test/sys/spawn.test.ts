import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readProcess } from '../../src/runner/engines/process/processes.ts';
import { closeGate, spawnAtGate, spawnProcess } from '../../src/sys/index.ts';
import type { SpawnOptions } from '../../src/sys/spawn.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const shell = (script: string, more: Partial<SpawnOptions> = {}): SpawnOptions => ({
  file: '/bin/sh',
  argv: ['sh', '-c', script],
  environment: ['PATH=/usr/bin:/bin'],
  descriptors: new Map([
    [0, 0],
    [1, 1],
    [2, 2],
  ]),
  newSession: true,
  ...more,
});

describe('a spawned process', () => {
  it('is waited for, with its exit code or signal', async () => {
    expect(await spawnProcess(shell('exit 7')).ended).toEqual({ exitCode: 7, signal: null });
    const killed = { exitCode: null, signal: 'SIGKILL' };
    expect(await spawnProcess(shell('kill -9 $$')).ended).toEqual(killed);
  });

  it('is one of many: each exit is reported', async () => {
    const codes = Array.from({ length: 20 }, (_, code) => code);
    const ends = codes.map((code) => spawnProcess(shell(`sleep 0.0${code}; exit ${code}`)).ended);
    expect((await Promise.all(ends)).map(({ exitCode }) => exitCode)).toEqual(codes);
  });

  it('has its own signals, limit and session, and leaves ours as they were', async () => {
    const seen = join(temporaryDirectory(), 'seen');
    const ours = () => readFileSync('/proc/self/limits', 'utf8');
    const before = ours();
    const script = `ulimit -Sn; grep -h SigIgn: /proc/self/status; cut -d' ' -f6 /proc/$$/stat`;
    const options = { ignoredSignals: ['SIGHUP', 'SIGTERM'] as const, softOpenFiles: 99 };
    const { pid, ended } = spawnProcess(shell(`{ ${script}; } > ${seen}`, options));
    await ended;
    expect(readFileSync(seen, 'utf8')).toBe(`99\nSigIgn:\t0000000000004001\n${pid}\n`);
    expect(ours()).toBe(before);
  });

  it('is found in /proc by who started it, however short it lives', async () => {
    const { pid, ended } = spawnProcess(shell(''));
    execFileSync('sleep', ['0.1']);
    expect(existsSync(`/proc/${pid}/stat`)).toBe(true);
    await ended;
    expect(existsSync(`/proc/${pid}/stat`)).toBe(false);
  });

  it('that cannot be started throws the reason', () => {
    expect(() => spawnProcess(shell('', { file: '/no/such/file' }))).toThrow('ENOENT');
    expect(() => spawnProcess(shell('', { file: '/etc/passwd' }))).toThrow('EACCES');
  });
});

describe('a process at a gate', () => {
  it('does nothing until it is let in, then is as any other', async () => {
    const base = temporaryDirectory();
    const [gate, seen] = [join(base, 'gate'), join(base, 'seen')];
    const facts = 'ulimit -Sn; grep SigIgn: /proc/self/status; ls /proc/self/fd';
    const script = `{ ${facts}; } > ${seen}; exit 5`;
    const options = { ignoredSignals: ['SIGHUP'] as const, softOpenFiles: 99 };
    let admitted = 0;
    const { pid, ended } = await spawnAtGate(shell(script, options), gate, (waiting) => {
      admitted = waiting;
      execFileSync('sleep', ['0.1']);
      expect(existsSync(seen)).toBe(false);
    });
    expect(await ended).toEqual({ exitCode: 5, signal: null });
    expect(pid).toBe(admitted);
    expect(readFileSync(seen, 'utf8')).toBe('99\nSigIgn:\t0000000000000001\n0\n1\n2\n3\n');
    expect(existsSync(gate)).toBe(false);
  });

  it('that is refused, or has no program, is none', async () => {
    const base = temporaryDirectory();
    const [gate, seen] = [join(base, 'gate'), join(base, 'seen')];
    const refuse = (): never => {
      throw new Error('refused');
    };
    await expect(spawnAtGate(shell(`: > ${seen}`), gate, refuse)).rejects.toThrow('refused');
    const missing = shell('', { file: '/no/such/file' });
    await expect(spawnAtGate(missing, gate, () => {})).rejects.toThrow('ENOENT');
    expect(existsSync(seen) || existsSync(gate)).toBe(false);
  });

  it('whose starter was killed holds nothing of it, and ends when the gate is closed', async () => {
    const base = temporaryDirectory();
    const [gate, seen] = [join(base, 'gate'), join(base, 'seen')];
    const program = `import { writeSync } from 'node:fs';
      import { spawnAtGate } from '${join(import.meta.dirname, '../../src/sys/index.ts')}';
      const options = { file: '/bin/touch', argv: ['touch', '${seen}'], environment: [],
        descriptors: new Map(), newSession: true };
      spawnAtGate(options, '${gate}', (pid) => {
        writeSync(1, String(pid));
        process.kill(process.pid, 'SIGKILL');
      });`;
    // It returns only when nobody has its output open any more.
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
    const waits = () => ![undefined, 'Z'].includes(readProcess(Number(stdout))?.state);
    expect(waits()).toBe(true);
    const forget = closeGate(gate);
    await until('it has ended', () => !waits());
    forget();
    expect(existsSync(seen) || existsSync(gate)).toBe(false);
  });
});
