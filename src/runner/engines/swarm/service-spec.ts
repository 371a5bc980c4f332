import type Docker from 'dockerode';
import type { ContainerOptions } from '../container/options.ts';
import { environmentOf, labelsOf, mountsOf, wholeLog } from '../docker/container-spec.ts';
import type { Launch } from '../engine.ts';

/** What a service of a swarm may be called: 63 characters of these. */
export function serviceName({ task, attempt }: Launch, suffix: string): string {
  return `taskfs-${task.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 32)}-${attempt}-${suffix}`;
}

/** How long a task that is asked to end gets before it is killed, in nanoseconds. */
const GRACE_NS = 10e9;

/**
 * A service that runs once: a replicated job (Docker Engine API 1.41,
 * "Create a service"). Each node must see the store at the same path;
 * `docker node update --label-add taskfs=no NODE` leaves one out.
 */
export function serviceSpec(
  name: string,
  launch: Launch,
  options: ContainerOptions,
  user: string,
): Docker.CreateServiceOptions {
  const { entrypoint, memoryBytes, cpus, pids, network } = options;
  return {
    Name: name,
    Labels: { ...options.labels, ...labelsOf(launch) },
    Mode: { ReplicatedJob: { MaxConcurrent: 1, TotalCompletions: 1 } },
    TaskTemplate: {
      ContainerSpec: {
        Image: launch.image ?? '',
        ...(entrypoint !== null && { Command: [entrypoint] }),
        Args: [...launch.command],
        Env: environmentOf(launch, options),
        ...(launch.cwd !== null && { Dir: launch.cwd }),
        User: user,
        Labels: { ...options.labels, ...labelsOf(launch) },
        Mounts: mountsOf(launch, options),
        ReadOnly: options.readOnly,
        CapabilityDrop: [...options.capDrop],
        CapabilityAdd: [...options.capAdd],
        ...(options.hostname !== null && { Hostname: options.hostname }),
        ...(options.stopSignal !== null && { StopSignal: options.stopSignal }),
        Init: options.init,
        StopGracePeriod: GRACE_NS,
      },
      Resources: {
        Limits: {
          ...(memoryBytes !== null && { MemoryBytes: memoryBytes }),
          ...(cpus !== null && { NanoCPUs: Math.round(cpus * 1e9) }),
          ...(pids !== null && { Pids: pids }),
        },
      },
      // The supervisor retries, with an attempt in the record each time.
      RestartPolicy: { Condition: 'none' },
      Placement: { Constraints: ['node.labels.taskfs != no'] },
      LogDriver: { Name: wholeLog.Type, Options: wholeLog.Config },
      ...(network !== null && { Networks: [{ Target: network }] }),
    },
  } as Docker.CreateServiceOptions;
}
