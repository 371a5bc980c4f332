/**
 * The program of a task that copies for the library (copying.ts): `receive`, what it is handed on
 * in its environment; `agents-runner DIR TASK ENVIRONMENT…`, artifacts of that program. It writes
 * into the task's files, and so nowhere else what it decrypts.
 */
import { extractArtifacts } from '../agents-runner/index.ts';
import { copySharedTask, handedOn } from '../artifacts/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import { exitProcess } from '../process/index.ts';

async function copy([what, from = '', task = '', ...environments]: string[]): Promise<void> {
  const into = process.env.TASKFS_ARTIFACTS ?? '';
  if (what === 'agents-runner') {
    const { failed } = extractArtifacts(from, into, { task, environments });
    for (const { file, why } of failed) process.stderr.write(`Not read: ${file}: ${why}.\n`);
    if (failed.length > 0) throw new TaskfsError('damaged', `${failed.length} not read`);
    return;
  }
  const unlocked = handedOn();
  if (!unlocked) throw new TaskfsError('usage', 'this task cannot be run again: receive the file');
  await copySharedTask(unlocked, into, print);
}

const print = (piece: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(piece, (error) => (error ? reject(error) : resolve()));
  });

copy(process.argv.slice(2)).then(
  () => exitProcess(0),
  (error) => {
    process.stderr.write(`${messageOf(error)}\n`);
    exitProcess(1);
  },
);
