import { removeThumbnailsOf } from '../doctor/index.ts';
import type { Removals } from '../runner/index.ts';
import { EXIT, exitCodeOfError } from './exit-code.ts';
import { say } from './output.ts';
import { reportError } from './report-error.ts';

/**
 * Reports what could not be removed. `thumbnails`: those that programs made of the files of removed
 * tasks go as well. Returns the exit code: that of the first failure.
 */
export function reportRemovals(
  { removed, failed }: Removals,
  { thumbnails }: { readonly thumbnails: boolean },
): number {
  for (const { error } of failed) reportError(error, false);
  if (thumbnails) say(`thumbnails removed: ${removeThumbnailsOf(removed)}`);
  const [first] = failed;
  return first ? exitCodeOfError(first.error) : EXIT.ok;
}
