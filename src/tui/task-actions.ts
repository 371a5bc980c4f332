import type { Store, TaskName, TaskRecord } from '../store/index.ts';

/** What the view cannot do by itself: the command line does it. */
export interface Programs {
  /** Edits a file in the person's editor, on the terminal, which is free meanwhile. */
  edit(task: TaskName, path: Buffer): Promise<void>;
  /** Shows a file in the desktop's program, and does not wait for that to end. */
  open(task: TaskName, path: Buffer): Promise<void>;
  /** A path by which other programs reach a file. */
  locate(task: TaskName, path: Buffer): Promise<Buffer>;
}

/** Asks for a task's end; returns a message. Throws as `cancel` of the runner. */
export async function cancelTask(store: Store, task: TaskName): Promise<string> {
  const { cancel } = await import('../runner/index.ts');
  return (await cancel(store, task)) ? `${task} is asked to end` : `${task} had ended already`;
}

/** Pauses a task, or resumes it; returns a message. Throws as `pause` of the runner. */
export async function togglePause(store: Store, { task, paused }: TaskRecord): Promise<string> {
  const { pause, resume } = await import('../runner/index.ts');
  await (paused ? resume : pause)(store, task);
  return paused ? `${task} is resumed` : `${task} is paused`;
}
