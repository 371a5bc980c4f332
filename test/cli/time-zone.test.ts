import { expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';

it('people see times in their zone, or in UTC; programs see UTC', async () => {
  const cli = newCli({ env: { TZ: 'Asia/Kolkata' } });
  const script =
    'cd "$TASKFS_ARTIFACTS"; touch -d 2020-01-02T03:04:05Z f; tar cf a.tar --format=pax f';
  await cli.run('run', '--name', 't', '--', 'sh', '-c', script);
  const shown = async (...args: string[]): Promise<string> => (await cli.run(...args)).stdout;
  for (const verb of [
    ['ls', '-l', 't'],
    ['preview', 't', 'f'],
  ]) {
    expect(await shown(...verb)).toContain('2020-01-02 08:34:05 +0530');
    expect(await shown(...verb, '--utc')).toContain('2020-01-02T03:04:05.000Z');
    expect(await shown(...verb, '--json')).toContain('"2020-01-02T03:04:05.000Z"');
  }
  expect(await shown('preview', 't', 'a.tar')).toContain('2020-01-02 08:34');
  expect(await shown('preview', 't', 'a.tar', '--utc')).toContain('2020-01-02 03:04');
  for (const verb of [['status', 't'], ['info'], ['events', 't']]) {
    expect(await shown(...verb)).toMatch(/\d\d:\d\d:\d\d(\.\d+)? \+0530/);
    const inUtc = await shown(...verb, '--utc');
    expect(inUtc).toMatch(/\dT\d\d:\d\d:\d\d\.\d+Z/);
    expect(inUtc).not.toContain('+0530');
    expect(await shown(...verb, '--json')).not.toContain('+0530');
  }
});
