import { isMissing, statusOf, wordsOf } from './failure.ts';

const CONFLICT = 409;

/** What is asked of a container that has ended, or is as was asked for already, is done. */
export async function unlessEnded(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    const isDone = isMissing(error) || statusOf(error) === CONFLICT;
    if (
      !isDone &&
      !/not running|already paused|not paused|can only (kill|pause|unpause)/i.test(wordsOf(error))
    )
      throw error;
  }
}
