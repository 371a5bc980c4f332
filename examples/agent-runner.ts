/**
 * Runs agents side by side, shows what happens to them, and reads each one's report from wherever
 * it is: node agent-runner.ts 'COMMAND' 'COMMAND' …
 */
import { text } from 'node:stream/consumers';
import { openStore, run, type Store, type Task, TaskfsError } from 'taskfs';

const AT_ONCE = 4;

async function start(store: Store, command: string): Promise<Task> {
  return run(store, ['sh', '-c', command], {
    labels: { kind: 'agent' },
    env: { AGENT_REPORT: 'report.md' },
    maxRunning: AT_ONCE,
    timeoutMs: 60 * 60 * 1000,
  });
}

async function follow(task: Task): Promise<void> {
  for await (const { type, at } of task.events()) console.error(at, task.name, type);
}

async function report(task: Task): Promise<string> {
  try {
    return (await text(await task.stream('report.md'))).trim();
  } catch (error) {
    if (error instanceof TaskfsError && error.kind === 'not-found') return '(no report)';
    throw error;
  }
}

const store = await openStore();
const tasks = await Promise.all(process.argv.slice(2).map((command) => start(store, command)));
process.once('SIGINT', () => {
  for (const task of tasks) void task.cancel();
});
await Promise.all(tasks.map(follow));
for (const task of tasks) {
  const { status, reason } = await task.wait();
  console.log(`${status} (${reason}): ${await report(task)}`);
}
