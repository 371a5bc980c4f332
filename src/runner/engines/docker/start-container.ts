import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { type Client, send } from './client.ts';
import { ignoreEnded, isUnreachable, wordsOf } from './failure.ts';

/** The usual keys, Ctrl-P Ctrl-Q, are somebody's shell history; nobody detaches from a task. */
export const detachKeys = 'ctrl-@,ctrl-@,ctrl-@';

/**
 * Creates, attaches, starts: in this order, or the first output is missed. `prepare` is what is to
 * be done once there is a container and before it runs. Returns the attached stream; undefined
 * where the engine went away when it was to start it: the container may run, and what it printed is
 * in the engine's log.
 */
export async function startContainer(
  docker: Client,
  spec: Docker.ContainerCreateOptions,
  prepare: (container: Docker.Container) => Promise<void>,
): Promise<Duplex | undefined> {
  try {
    const container = await docker.createContainer(spec);
    await prepare(container);
    const attached = await attachStreams(container, spec.OpenStdin === true);
    if (!(await isStarted(container, spec))) {
      attached.destroy();
      return undefined;
    }
    await setConsoleSize(container, spec);
    return attached;
  } catch (error) {
    if (!spec.HostConfig?.Init || !isWithoutInit(error)) throw error;
    await ignoreEnded(docker.getContainer(spec.name ?? '').remove({ force: true }));
    return startContainer(docker, withoutInit(spec), prepare);
  }
}

/** False where nobody knows. Input that is to be sent has no other way than the attached stream. */
async function isStarted(
  container: Docker.Container,
  { OpenStdin }: Docker.ContainerCreateOptions,
): Promise<boolean> {
  try {
    await container.start();
    return true;
  } catch (error) {
    if (OpenStdin || !isUnreachable(error)) throw error;
    return false;
  }
}

const withoutInit = (spec: Docker.ContainerCreateOptions): Docker.ContainerCreateOptions => ({
  ...spec,
  HostConfig: { ...spec.HostConfig, Init: false },
});

/**
 * Engines before API 1.42 leave a console size at creation
 * aside. A command that has ended needs none.
 */
async function setConsoleSize(
  container: Docker.Container,
  { HostConfig }: Docker.ContainerCreateOptions,
): Promise<void> {
  const [h, w] = HostConfig?.ConsoleSize ?? [];
  if (h !== undefined && w !== undefined) await container.resize({ h, w }).catch(() => {});
}

/** The engine's host has no init program to put into containers. */
const isWithoutInit = (error: unknown): boolean =>
  /docker-init|catatonit|container-init|init binary/i.test(wordsOf(error));

/** Not with dockerode's attach, which sends its options once more as a body. */
async function attachStreams(
  { id, modem }: Docker.Container,
  interactive: boolean,
): Promise<Duplex> {
  const stream = await send<Duplex>(modem, {
    method: 'POST',
    path: `/containers/${id}/attach`,
    query: {
      stream: true,
      stdin: interactive,
      stdout: true,
      stderr: true,
      detachKeys,
    },
    hijack: true,
  });
  // Input may still arrive after the command has ended.
  stream.on('error', () => {});
  return stream;
}
