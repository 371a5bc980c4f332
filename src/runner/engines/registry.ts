import { TaskfsError } from '../../errors.ts';
import type { Engine } from './engine.ts';

type Options = Readonly<Record<string, unknown>>;

/** What the runner knows of an engine without loading it. */
interface Registration {
  /** Its runs survive their supervisor, so that another one can follow them. */
  readonly outlivesSupervisor: boolean;
  load(): Promise<Engine>;
  /** Throws `usage` for options of a task that cannot be had on this machine. Changes nothing. */
  assertPossible?(options: Options): Promise<void>;
}

// Adding an engine: a folder beside this file, a line here,
// and the conformance suite (test/engines).
const registrations: Readonly<Record<string, Registration>> = {
  process: {
    outlivesSupervisor: false,
    load: async () => (await import('./process/process-engine.ts')).createProcessEngine(),
    assertPossible: async (options) =>
      (await import('./process/options.ts')).assertProcessOptions(options),
  },
  docker: {
    outlivesSupervisor: true,
    load: async () => (await import('./docker/index.ts')).createDockerEngine(),
  },
  swarm: {
    outlivesSupervisor: true,
    load: async () => (await import('./swarm/index.ts')).createSwarmEngine(),
  },
};

/** Names of all engines. */
const engineNames: readonly string[] = Object.keys(registrations);

/** Loads an engine by its name. Throws `usage` where there is none of that name. */
export async function loadEngine(name: string): Promise<Engine> {
  return registered(name).load();
}

/** Whether runs of this engine can be followed after their supervisor died. */
export function outlivesSupervisor(name: string): boolean {
  return registered(name).outlivesSupervisor;
}

/**
 * Throws `usage` where a task's options cannot be had on this machine, before there is a task.
 * What only an engine that runs elsewhere can know, that one says at the start.
 */
export async function assertPossible(name: string, options: Options): Promise<void> {
  await registered(name).assertPossible?.(options);
}

function registered(name: string): Registration {
  const found = registrations[name];
  if (found) return found;
  throw new TaskfsError('usage', `there is no engine '${name}'`, {
    hint: `There are: ${engineNames.join(', ')}.`,
  });
}
