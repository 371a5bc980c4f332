import { TaskfsError } from '../errors.ts';
import { removeEnded } from '../runner/index.ts';
import type { Store, TaskName } from '../store/index.ts';
import { EXIT, exitCodeOfError } from './exit-code.ts';
import { say } from './output.ts';
import { reportError } from './report-error.ts';
import { removeThumbnailsOf } from './thumbnails.ts';

/**
 * Removes tasks one after the other. One that cannot be removed is reported, and the others are
 * removed all the same. `thumbnails`: those that programs made of their files go as well. Returns
 * which are gone, and the exit code: that of the first failure.
 */
export async function removeEach(
  store: Store,
  tasks: readonly TaskName[],
  { thumbnails }: { readonly thumbnails: boolean },
): Promise<{ readonly gone: TaskName[]; readonly exitCode: number }> {
  const gone: TaskName[] = [];
  let exitCode: number = EXIT.ok;
  for (const task of tasks) {
    try {
      for (const left of await removeEnded(store, task)) say(left);
      gone.push(task);
    } catch (error) {
      if (!(error instanceof TaskfsError)) throw error;
      reportError(error, false);
      exitCode ||= exitCodeOfError(error);
    }
  }
  if (thumbnails) say(`thumbnails removed: ${removeThumbnailsOf(gone)}`);
  return { gone, exitCode };
}
