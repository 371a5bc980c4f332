import type { Readable } from 'node:stream';
import { TaskfsError } from '../../../errors.ts';
import { withTag } from '../container/image-name.ts';
import type { ContainerOptions } from '../container/options.ts';
import type { Progress } from '../engine.ts';
import type { Client } from './client.ts';
import { isMissing, wordsOf } from './failure.ts';
import { credentialsFor } from './registry.ts';

/** What an image says of the container's command. */
export interface ImageConfig {
  /** `uid[:gid]` or `name[:group]`; empty: root. */
  readonly user: string;
  /** The signal by which its command wants to be ended, as `SIGQUIT` or `3`; null: SIGTERM. */
  readonly stopSignal: string | null;
  /** Where the engine keeps the files of its last layer; null: it does not say. */
  readonly layer: string | null;
}

/** How an image is provided. */
interface Provision {
  readonly pull: ContainerOptions['pull'];
  readonly platform: ContainerOptions['platform'];
  readonly progress?: ((step: Progress) => void) | undefined;
  /** Ends it; an engine gives up a fetch that nobody listens to. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Ensures that the engine has an image, and reads its configuration. Throws `not-found` where the
 * engine has none and may not or cannot fetch it.
 */
export async function provideImage(
  docker: Client,
  image: string,
  { pull, platform, progress, signal }: Provision,
): Promise<ImageConfig> {
  const present = pull === 'always' ? undefined : await readImage(docker, image, signal);
  if (present) return present;
  if (pull === 'never') {
    throw new TaskfsError(
      'not-found',
      `the engine has no image ${image}, and --pull never forbids to fetch it`,
      {
        hint: `'docker pull ${image}' fetches it; 'docker images' lists what is there.`,
      },
    );
  }
  await pullImage(docker, image, { platform, progress, signal });
  return (await readImage(docker, image, signal)) ?? { user: '', stopSignal: null, layer: null };
}

/** Undefined where the engine has no such image. */
async function readImage(
  docker: Client,
  image: string,
  signal?: AbortSignal,
): Promise<ImageConfig | undefined> {
  try {
    const answer = (await docker.inspectImage(image, signal)) as ImageAnswer;
    const { Config, GraphDriver } = answer;
    return {
      user: Config?.User ?? '',
      stopSignal: Config?.StopSignal || null,
      layer: GraphDriver?.Data?.UpperDir || null,
    };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

interface ImageAnswer {
  readonly Config?: { readonly User?: string; readonly StopSignal?: string } | null;
  /** Not of engines that keep images in containerd's store. */
  readonly GraphDriver?: { readonly Data?: { readonly UpperDir?: string } | null } | null;
}

async function pullImage(
  docker: Client,
  image: string,
  { platform, progress, signal }: Omit<Provision, 'pull'>,
): Promise<void> {
  try {
    const authconfig = await credentialsFor(image, signal);
    const answer = await docker.pull(withTag(image), { authconfig, platform, signal });
    await followPull(answer, progress);
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TaskfsError('not-found', `image ${image} cannot be fetched: ${wordsOf(cause)}`, {
      hint:
        "Check its name and the network; 'docker login' for a private registry; " +
        "'docker images' lists what is there already.",
      cause,
    });
  }
}

/** A line of the engine's answer to a pull. */
interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** Reads an answer to its end. Throws what the engine says in it, or where it is cut off. */
async function followPull(answer: Readable, progress: Provision['progress']): Promise<void> {
  for await (const { id, status, error, progressDetail } of readLines(answer)) {
    if (error !== undefined) throw new Error(error);
    if (status === undefined) continue;
    const { current = null, total = null } = progressDetail ?? {};
    progress?.({ what: status, id: id ?? '', done: current, total });
  }
}

async function* readLines(answer: Readable): AsyncGenerator<PullLine> {
  let rest = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as PullLine;
  }
}
