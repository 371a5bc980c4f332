import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** What else there is for the processors to do. */
export type Situation = 'free' | 'one-processor' | 'busy-neighbour';

/**
 * Brings a situation about, for this process and all that it starts from now on; returns how to
 * end it. On one processor nobody waits for another to wake up; a neighbour never sleeps.
 */
export function enter(situation: Situation): () => void {
  if (situation === 'one-processor') {
    execFileSync('taskset', ['-acp', '0', String(process.pid)], { stdio: 'ignore' });
  }
  const neighbour = situation === 'busy-neighbour' ? startNeighbour() : undefined;
  return () => void neighbour?.kill();
}

function startNeighbour(): ChildProcess {
  const last = String(availableParallelism() - 1);
  return spawn('taskset', ['-c', last, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
}
