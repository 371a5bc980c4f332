import type { Duplex } from 'node:stream';
import type { ContainerCreateOptions } from 'dockerode';
import { messageOf } from '../../../errors.ts';
import type { Client, Container } from './client.ts';
import { ignoreEnded } from './failure.ts';

/**
 * Creates, attaches, starts: in this order, or the first output is missed. `prepare` is what is to
 * be done once there is a container and before it runs. Returns the attached stream.
 */
export async function startContainer(
  docker: Client,
  spec: ContainerCreateOptions,
  prepare: (container: Container) => Promise<void>,
): Promise<Duplex> {
  try {
    const container = await docker.createContainer(spec);
    await prepare(container);
    const attached = await attachStreams(container, spec.OpenStdin === true);
    await container.start();
    await setConsoleSize(container, spec);
    return attached;
  } catch (error) {
    if (!spec.HostConfig?.Init || !isWithoutInit(error)) throw error;
    await ignoreEnded(docker.getContainer(spec.name ?? '').remove({ force: true }));
    return startContainer(docker, withoutInit(spec), prepare);
  }
}

const withoutInit = (spec: ContainerCreateOptions): ContainerCreateOptions => ({
  ...spec,
  HostConfig: { ...spec.HostConfig, Init: false },
});

/**
 * Engines before API 1.42 leave a console size at creation
 * aside. A command that has ended needs none.
 */
async function setConsoleSize(
  container: Container,
  { HostConfig }: ContainerCreateOptions,
): Promise<void> {
  const [h, w] = HostConfig?.ConsoleSize ?? [];
  if (h !== undefined && w !== undefined) await container.resize(h, w).catch(() => {});
}

/** The engine's host has no init program to put into containers. */
const isWithoutInit = (error: unknown): boolean =>
  /docker-init|catatonit|container-init|init binary/i.test(messageOf(error));

async function attachStreams(container: Container, interactive: boolean): Promise<Duplex> {
  const stream = await container.attach(interactive);
  // Input may still arrive after the command has ended.
  stream.on('error', () => {});
  return stream;
}
