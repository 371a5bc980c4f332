/**
 * A reporter that seals the results of a test run, signed and readable for years:
 * node --test --test-reporter ./test-reporter.ts
 */
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, run } from 'taskfs';

type TestEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> };

export default async function* sealResults(events: AsyncIterable<TestEvent>) {
  const directory = mkdtempSync(join(tmpdir(), 'results-'));
  const results = createWriteStream(join(directory, 'results.jsonl'));
  let failed = 0;
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (type === 'test:fail') failed += 1;
    const { name, nesting, details } = data;
    results.write(`${JSON.stringify({ type, name, nesting, details })}\n`);
  }
  results.end();
  await once(results, 'close');
  const copy = 'cp -- "$0"/* "$TASKFS_ARTIFACTS"';
  const task = await run(await openStore(), ['sh', '-c', copy, directory], {
    labels: { kind: 'tests', failed: String(failed) },
  });
  await task.wait();
  rmSync(directory, { recursive: true });
  yield `${failed} failed; the results are sealed as ${task.name}\n`;
}
