import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';

function change(record: string, fields: object): void {
  writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, 'utf8')), ...fields }));
}

const spoilt: Readonly<Record<string, (record: string) => void>> = {
  'cut-off': (record) => writeFileSync(record, '{'),
  gone: (record) => rmSync(record),
  'of-another': (record) => change(record, { task: 'whole' }),
  'no-states': (record) => change(record, { status: 'well', createdAt: 7 }),
  null: (record) => writeFileSync(record, 'null'),
};

/** A store with a task that is as it should be, and some whose records are then spoilt. */
async function storeWith(spoil: typeof spoilt): Promise<Cli> {
  const cli = newCli();
  const names = ['whole', ...Object.keys(spoil)];
  await Promise.all(names.map((name) => cli.run('run', '--name', name, '--', 'true')));
  for (const [name, change] of Object.entries(spoil)) change(recordOf(cli, name));
  return cli;
}

const recordOf = ({ store }: Cli, name: string): string => join(store, 'tasks', name, 'task.json');

describe('a task whose record cannot be read', () => {
  it('is listed, told by doctor, and can be removed, whatever is wrong with it', async () => {
    const cli = await storeWith(spoilt);
    const names = Object.keys(spoilt).sort();
    const listed = await cli.json<{ task: string; status: string }[]>('ps', '-a', '--json');
    expect(listed.filter(({ status }) => status === 'completed')).toHaveLength(1);
    const unreadable = listed.filter(({ status }) => status === 'unreadable');
    expect(unreadable.map(({ task }) => task)).toEqual(names);
    const [shown, told] = [(await cli.run('ps', '-a')).stdout, (await cli.run('doctor')).stdout];
    for (const name of names) {
      expect(shown).toMatch(new RegExp(`^${name} +unreadable`, 'm'));
      expect(told).toMatch(
        new RegExp(`bad {3}task ${name}: the record of task ${name} .* unreadable`),
      );
    }
    // Records of sealed tasks are not even read where only the others are asked for.
    expect((await cli.run('ps', '-q')).stdout).toBe('');
    expect((await cli.run('status', 'gone')).code).toBe(5);
    expect((await cli.run('rm', ...names)).code).toBe(0);
    for (const part of ['tasks', 'archive', 'staging']) {
      const left = readdirSync(join(cli.store, part)).filter((name) => names.includes(name));
      expect(left).toEqual([]);
    }
    expect((await cli.run('verify')).code).toBe(0);
  });

  it('is no matter of other tasks, also while it waits for its turn', async () => {
    const cli = newCli();
    const queued = ['run', '-d', '--max-running', '1', '--name'];
    await cli.run(...queued, 'first', '--', 'sleep', '60');
    await cli.run(...queued, 'spoilt', '--', 'true');
    const record = recordOf(cli, 'spoilt');
    const whole = readFileSync(record);
    onTestFinished(() => writeFileSync(record, whole));
    writeFileSync(record, '{');
    expect(await cli.run('run', '--name', 'other', '--', 'true')).toMatchObject({ code: 0 });
    expect((await cli.run('cancel', '--kill', 'first')).code).toBe(0);
    expect((await cli.run('wait', 'first')).code).toBe(130);
  });

  it('since a newer taskfs wrote it is listed, and left for that one to remove', async () => {
    const cli = await storeWith({ b: (record) => change(record, { format: 2 }) });
    expect((await cli.run('ps', '-a')).stdout).toMatch(/^b +unreadable/m);
    expect((await cli.run('doctor')).stdout).toContain('is of format 2');
    const removed = await cli.run('rm', 'whole', 'b', 'nope');
    expect(removed).toMatchObject({ code: 2, stdout: 'whole\n' });
    expect(removed.stderr).toContain('A newer taskfs wrote it');
    expect(removed.stderr).toContain('no task is named nope');
    expect(existsSync(join(cli.store, 'archive/b/seal.json'))).toBe(true);
  });
});
