import { superviseDetached } from '../runner/index.ts';
import { openStore, parseTaskName } from '../store/index.ts';
import { cliMain } from './cli-main.ts';
import { exitCodeOfError } from './exit-code.ts';
import { reportError } from './report-error.ts';
import { systemRefusal } from './system-refusal.ts';

/**
 * The life of a detached task's supervisor, started by taskfs itself as `supervise TASK --store DIR`
 * (src/runner/detached.ts). It takes over its starter's lock and reads what to do from standard input.
 * Returns the exit code.
 */
export async function supervise([task = '', , directory = '']: readonly string[]): Promise<number> {
  try {
    await superviseDetached(openStore(directory), parseTaskName(task), cliMain);
    return 0;
  } catch (thrown) {
    const error = systemRefusal(thrown, 'supervise') ?? thrown;
    reportError(error, false);
    return exitCodeOfError(error);
  }
}
