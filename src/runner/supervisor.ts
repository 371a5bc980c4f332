/**
 * The program of a detached supervisor: reads from standard input which task is its own and what
 * to do with it, takes over the lock that it inherits, reports that it is ready, and supervises.
 * Its arguments (`supervise TASK --store DIR`) are for people who list processes.
 */
import { text } from 'node:stream/consumers';
import { messageOf } from '../errors.ts';
import { exitProcess } from '../process/index.ts';
import type { Store, TaskName } from '../store/index.ts';
import { keepMemoryPrivate } from '../sys/index.ts';
import { noteCompleted } from './dependencies.ts';
import { type Assignment, isQueued, LOCK_FD, READY, startOrQueue } from './detached.ts';
import { type Claim, openJournal } from './journal.ts';
import { resumeTask, superviseTask } from './lifecycle.ts';
import { recoverTask as recoverOrphan } from './recover.ts';
import { adoptClaim } from './submit.ts';

async function superviseAssigned(): Promise<void> {
  keepMemoryPrivate();
  const assignment = JSON.parse(await text(process.stdin)) as Assignment;
  const claim = withNews(adoptClaim(assignment.store, assignment.task, LOCK_FD));
  // Nobody listens from here on: a broken pipe is no error.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  process.stdout.write(READY);
  if (assignment.work === 'resume') await resumeTask(claim);
  else if (isQueued(claim)) await startOrQueue(claim, assignment);
  else await superviseTask(claim, assignment.env, { caller: assignment.caller, recoverTask });
}

/** The claim with what is known of the tasks that it waits for. */
function withNews(claim: Claim): Claim {
  const journal = openJournal(claim);
  if (claim.record.status === 'queued') noteCompleted(claim.store, journal);
  return { ...claim, record: journal.record };
}

/** Of a task that this one waits for, whose supervisor died. */
const recoverTask = (store: Store, task: TaskName): Promise<unknown> =>
  recoverOrphan(store, task, { scope: 'unfinished' });

superviseAssigned().then(
  () => exitProcess(0),
  (error) => {
    process.stderr.write(messageOf(error));
    exitProcess(1);
  },
);
