import { TaskfsError } from '../../../store/index.ts';
import type { Progress } from '../engine.ts';
import type { Client } from './client.ts';
import { isMissing, wordsOf } from './failure.ts';
import type { ContainerOptions } from './options.ts';
import { credentialsFor } from './registry.ts';

/** Sees to it that the engine has an image. Throws `not-found` where it has none and may not or cannot fetch it. */
export async function provideImage(
  docker: Client,
  image: string,
  pull: ContainerOptions['pull'],
  onProgress: (step: Progress) => void = () => {},
): Promise<void> {
  if (pull !== 'always' && (await hasImage(docker, image))) return;
  if (pull === 'never') {
    throw new TaskfsError(
      'not-found',
      `the engine has no image ${image}, and --pull never forbids to fetch it`,
      {
        hint: `'docker pull ${image}' fetches it; 'docker images' lists what is there.`,
      },
    );
  }
  await pullImage(docker, image, onProgress);
}

async function hasImage(docker: Client, image: string): Promise<boolean> {
  try {
    await docker.getImage(image).inspect();
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function pullImage(
  docker: Client,
  image: string,
  onProgress: (step: Progress) => void,
): Promise<void> {
  try {
    const authconfig = await credentialsFor(image);
    const stream = await docker.pull(withTag(image), authconfig ? { authconfig } : {});
    await followPull(docker, stream, onProgress);
  } catch (cause) {
    throw new TaskfsError('not-found', `image ${image} cannot be fetched: ${wordsOf(cause)}`, {
      hint: "Check its name and the network; 'docker login' for a private registry; 'docker images' lists what is there already.",
      cause,
    });
  }
}

// Without a tag the engine would fetch all of them.
function withTag(image: string): string {
  const isTagged = image.includes('@') || image.slice(image.lastIndexOf('/')).includes(':');
  return isTagged ? image : `${image}:latest`;
}

/** A line of the engine's answer to a pull. */
interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

function followPull(
  docker: Client,
  stream: NodeJS.ReadableStream,
  onProgress: (step: Progress) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error) => (error ? reject(error) : resolve()),
      ({ id, status, progressDetail }: PullLine) => {
        if (status === undefined) return;
        const { current = null, total = null } = progressDetail ?? {};
        onProgress({ what: status, id: id ?? '', done: current, total });
      },
    );
  });
}
