import { printableJson, printableText } from '../printable.ts';
import { isInterrupted, type TaskView } from './view.ts';

/**
 * How a task ended or stands, in a few words: `completed`, `failed (exit code 2)`, `running,
 * paused`.
 */
export function showStatus(task: TaskView): string {
  if (task.status === 'running' || task.status === 'queued') return showUnended(task);
  if (task.status !== 'failed') return task.status;
  if (task.reasonKind === 'exit') return `failed (exit code ${task.exitCode})`;
  if (task.reasonKind === 'signal') return `failed (${task.signal})`;
  return `failed (${task.reasonKind})`;
}

/** A task that nobody supervises neither runs nor waits, whatever its record says. */
function showUnended(task: TaskView): string {
  if (isInterrupted(task)) return task.status === 'running' ? 'interrupted' : 'queued, interrupted';
  const paused = task.paused ? `${task.status}, paused` : task.status;
  return task.supervisorHost === null ? paused : `${paused} on ${task.supervisorHost}`;
}

/** A command as one would type it in a shell, on one line. */
export function showCommand(command: readonly string[]): string {
  return command.map(quote).join(' ');
}

function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (printableText(word) !== word)
    return `$'${printableJson(JSON.stringify(word)).slice(1, -1).replaceAll("'", "\\'")}'`;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
