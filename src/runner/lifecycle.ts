import type { TaskRecord } from '../store/index.ts';
import { putBack } from '../store/index.ts';
import { applyPolicy } from './apply-policy.ts';
import { followAgain, removeRuns, runAttempts } from './attempts.ts';
import { outlivesSupervisor } from './engines/registry.ts';
import { endTask, finishTask } from './finish.ts';
import type { Claim } from './journal.ts';
import { openJournal, repairEvents } from './journal.ts';
import { interruptedOutcome, type Outcome } from './outcome.ts';
import { syncOutput } from './output.ts';
import { freeSlot } from './queue.ts';
import { followRequests, INTERRUPTS } from './requests.ts';
import type { SuperviseOptions, SupervisorContext } from './supervisor-context.ts';
import { isSupervisedByMe, supervisedHere } from './supervisor-liveness.ts';
import { waitForSlot } from './wait-for-slot.ts';

/**
 * Supervises a submitted task from the queue to the sealed archive, and returns its last record.
 * `env` are the variables given with -e, values resolved; they are never written down. While it
 * runs, SIGINT, SIGTERM, SIGHUP or SIGQUIT to this process cancel the task, a second one kills it,
 * a third one ends this process; `cancel`, `pause` and `resume` work from any process. Always
 * releases the claim. Throws only where the task's end could not be written down: its lock is free
 * then, and `recover` finishes it.
 */
export async function superviseTask(
  claim: Claim,
  env: Readonly<Record<string, string>>,
  options: SuperviseOptions = {},
): Promise<TaskRecord> {
  return superviseWith(claim, options, INTERRUPTS, async (supervisor) => {
    const unstarted = await waitForSlot(supervisor);
    return unstarted ?? runAttempts(supervisor, env);
  });
}

/**
 * Continues for a dead supervisor: follows the run again if there still is one, ends the task as
 * interrupted otherwise, and finishes it. No further attempts are made: the values of the task's
 * environment died with its supervisor.
 */
export async function resumeTask(
  claim: Claim,
  options: SuperviseOptions = {},
): Promise<TaskRecord> {
  repairEvents(openJournal(claim));
  // What is left of its run may use the files by their path.
  putBack(claim.store, claim.task);
  const { status, engine } = claim.record;
  // Where nothing runs there is nothing to cancel: a signal ends this process, as any verb.
  const interrupts = status === 'running' && outlivesSupervisor(engine) ? INTERRUPTS : [];
  return superviseWith(claim, options, interrupts, async (supervisor) => {
    const { journal, requests } = supervisor;
    const outcome = journal.record.status === 'running' && (await followAgain(supervisor));
    return outcome || interruptedOutcome(journal.record, requests.cancel !== 'none');
  });
}

async function superviseWith(
  claim: Claim,
  options: SuperviseOptions,
  interrupts: readonly NodeJS.Signals[],
  live: (supervisor: SupervisorContext) => Promise<Outcome>,
): Promise<TaskRecord> {
  const journal = openJournal(claim);
  const requests = followRequests(journal.paths.directory, interrupts);
  try {
    if (!isSupervisedByMe(journal.record)) journal.change(supervisedHere(claim.store));
    let isOver = false;
    if (journal.record.artifacts === 'live') {
      const outcome = await live({ claim, journal, requests, options });
      await syncOutput(journal);
      endTask(journal, outcome);
      freeSlot(claim.store, claim.task);
      isOver = outcome.isOver === true;
    }
    const removal = removeRuns(journal);
    if (!isOver) await removal;
    await finishTask(claim.store, journal, options, removal);
    return journal.record;
  } finally {
    requests.close();
    claim.lock.release();
    await applyPolicy(claim.store, options.say);
  }
}
