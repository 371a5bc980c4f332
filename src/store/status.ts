import { TaskfsError } from '../errors.ts';

/** The state of a task. The last three are final. */
export type Status = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** The state of its files: plain, being sealed, sealed, or kept plain because sealing failed. */
export type Artifacts = 'live' | 'sealing' | 'sealed' | 'kept';

/** Both of a task's states at one instant. */
export interface State {
  readonly status: Status;
  readonly artifacts: Artifacts;
}

const statusAfter: Readonly<Record<Status, readonly Status[]>> = {
  queued: ['running', 'failed', 'cancelled'],
  running: ['completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

const artifactsAfter: Readonly<Record<Artifacts, readonly Artifacts[]>> = {
  live: ['sealing', 'kept'],
  sealing: ['sealed', 'kept'],
  kept: ['sealing', 'sealed'],
  // Where the archive is lost, and the plaintext was not removed yet.
  sealed: ['sealing'],
};

/** Whether two values are a task's states. */
export function isState(status: unknown, artifacts: unknown): boolean {
  return (
    Object.hasOwn(statusAfter, String(status)) && Object.hasOwn(artifactsAfter, String(artifacts))
  );
}

export function isFinal(status: Status): boolean {
  return statusAfter[status].length === 0;
}

/** Whether a task may change its state so: files are sealed only once the status is final. */
export function mayFollow(from: State, to: State): boolean {
  const statusFine = from.status === to.status || statusAfter[from.status].includes(to.status);
  const artifactsFine =
    from.artifacts === to.artifacts || artifactsAfter[from.artifacts].includes(to.artifacts);
  return statusFine && artifactsFine && (isFinal(to.status) || to.artifacts === 'live');
}

/** Throws `failed` where `to` may not follow `from`: such a record is never written. */
export function assertTransition(task: string, from: State, to: State): void {
  if (mayFollow(from, to)) return;
  const say = (state: State): string => `${state.status}/${state.artifacts}`;
  throw new TaskfsError('failed', `task ${task} cannot go from ${say(from)} to ${say(to)}`);
}
