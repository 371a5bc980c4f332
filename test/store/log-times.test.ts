import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LogTimes, openLogTimes } from '../../src/store/index.ts';
import { temporaryDirectory } from '../support/temporary.ts';

it('times of a log go on after a crash, and follow a clock that is set back', () => {
  const path = join(temporaryDirectory(), 'log.times');
  expect(LogTimes.open(path)).toBeUndefined();
  let now = 1_800_000_000_000;
  const note = (offset: number, after: number): void => {
    now += after;
    using times = openLogTimes(path, () => now);
    times.note(offset);
  };
  note(0, 0);
  // Too soon for a time of its own.
  note(10, 9);
  note(200, 1);
  note(5_000_000_000, -3_600_000);
  using read = LogTimes.open(path);
  const start = 1_800_000_000_000;
  const at = [0, 10, 199, 200, 4_999_999_999, 5_000_000_001].map((offset) => read?.timeAt(offset));
  const back = start + 10 - 3_600_000;
  expect(at).toEqual([start, start, start, start + 10, start + 10, back]);
  expect([start, start + 1, start + 11].map((time) => read?.firstFrom(time))).toEqual([
    0,
    200,
    Number.POSITIVE_INFINITY,
  ]);
  expect(read?.firstAfter(start)).toBe(200);

  // A crash in the middle of an entry: what comes next takes its place.
  const whole = readFileSync(path);
  appendFileSync(path, Buffer.from([0x85]));
  note(5_000_000_100, 60_000);
  read?.readOn();
  expect(read?.timeAt(5_000_000_100)).toBe(back + 60_000);
  truncateSync(path, readFileSync(path).length - 1);
  note(5_000_000_100, 40_000);
  using again = LogTimes.open(path);
  expect(again?.timeAt(5_000_000_099)).toBe(back);
  expect(again?.timeAt(5_000_000_100)).toBe(back + 100_000);
  expect(readFileSync(path).subarray(0, whole.length)).toEqual(whole);

  writeFileSync(path, 'something else');
  using other = LogTimes.open(path);
  expect(other?.timeAt(0)).toBeUndefined();
});

it('an entry that cannot be written costs its own time alone', () => {
  const path = join(temporaryDirectory(), 'log.times');
  const [injector, store] = ['../support/fault-injection.ts', '../../src/store/index.ts'].map(
    (name) => join(import.meta.dirname, name),
  );
  const script = `
    const { arm } = await import('${injector}');
    const { openLogTimes } = await import('${store}');
    let now = 1000;
    const times = openLogTimes('${path}', () => now);
    times.note(0);
    arm();
    now = 2000;
    times.note(10);
    now = 3000;
    times.note(20);`;
  const args = ['--import', `${injector}`, '--input-type=module', '-e', script];
  execFileSync(process.execPath, args, { env: { ...process.env, FAULT_AT: '1' } });
  using read = LogTimes.open(path);
  expect([0, 10, 19, 20].map((offset) => read?.timeAt(offset))).toEqual([1000, 1000, 1000, 3000]);
});
