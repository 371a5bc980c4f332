import { existsSync, realpathSync } from 'node:fs';
import type { Launch } from '../engine.ts';
import type { Client } from './client.ts';
import type { ContainerOptions } from './options.ts';

/** What it takes to make the files of a container the caller's. */
export interface Reclaim {
  /** Any image that the engine has. */
  readonly image: string;
  readonly staging: string;
  /** `uid:gid` in the engine's numbers. */
  readonly owner: string;
}

/** Whether a run may leave files that its caller cannot read, and how they are made the caller's then. */
export function reclaimOf(
  { image, staging }: Launch,
  { user }: ContainerOptions,
  owner: string,
): Reclaim | null {
  const mayLeaveOthersFiles = user !== null && process.getuid?.() !== 0;
  return mayLeaveOthersFiles && image !== null ? { image, staging, owner } : null;
}

/**
 * Gives a task's files to the caller. A container with --user leaves files that a plain user can
 * neither read nor delete; the engine can. This machine's own chown runs in a container that sees
 * this machine's programs: the image itself may have no chown, or no program at all.
 */
export async function reclaimFiles(
  docker: Client,
  { image, staging, owner }: Reclaim,
): Promise<void> {
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: [realpathSync('/bin/chown')],
    Cmd: ['-R', '-h', owner, '/taskfs-staging'],
    User: '0:0',
    NetworkDisabled: true,
    HostConfig: {
      NetworkMode: 'none',
      Mounts: [
        { Type: 'bind', Source: staging, Target: '/taskfs-staging' },
        ...programDirectories().map((path) => ({
          Type: 'bind' as const,
          Source: realpathSync(path),
          Target: path,
          ReadOnly: true,
        })),
      ],
    },
  });
  try {
    await container.start();
    await container.wait();
  } finally {
    await container.remove({ force: true });
  }
}

const programDirectories = (): string[] =>
  ['/usr', '/bin', '/lib', '/lib64'].filter((path) => existsSync(path));
