import { closeSync, constants, existsSync, openSync, realpathSync } from 'node:fs';
import type Docker from 'dockerode';
import { assertNothingMounted } from '../../../sys/index.ts';
import type { Launch } from '../engine.ts';
import { type Client, send } from './client.ts';
import { callerIds } from './container-user.ts';
import { isMissing } from './failure.ts';
import { untilEnd } from './follow.ts';
import { hasForeignFiles } from './foreign-files.ts';
import type { EngineHost } from './id-mapping.ts';
import { closeStaging } from './staging-access.ts';

/** What it takes to make the files of a container the caller's. Plain JSON: a task's record keeps it. */
export interface Reclaim {
  readonly staging: string;
  /** `uid:gid` of the caller in the numbers of the container that gives the files back. */
  readonly owner: string;
  /** `host`: that container sees the machine's own ids. Default: the engine's. */
  readonly usernsMode?: 'host' | undefined;
}

/**
 * Whether a run may leave files that are not its caller's, and how they are made the caller's then.
 * Root keeps the users of an engine that does not remap them. `other` is the user that is not the
 * default one; null: none.
 */
export function reclaimOf(
  { staging }: Pick<Launch, 'staging'>,
  { kind }: Pick<EngineHost, 'kind'>,
  other: string | null,
): Reclaim | null {
  const { uid, gid } = callerIds();
  const caller = `${uid}:${gid}`;
  if (kind === 'rootless') return { staging, owner: '0:0' };
  if (kind === 'remapped') return { staging, owner: caller, usernsMode: 'host' };
  return other !== null && uid !== 0 ? { staging, owner: caller } : null;
}

/** How long files may be given back, in milliseconds: a walk over millions of them. */
const TIME_LIMIT_MS = 15 * 60_000;
const MEMORY_LIMIT = 256 * 1024 * 1024;

/**
 * Gives a task's files to the caller, and closes the staging directory to others. `run` is the name
 * of the task's container or service: what does it is called after that, so that one that was left
 * behind is found and removed by the next attempt. Does nothing where something is mounted beneath
 * staging: that is not the task's.
 */
export async function reclaimFiles(docker: Client, run: string, reclaim: Reclaim): Promise<void> {
  const { staging } = reclaim;
  await removeGiver(docker, run);
  assertOneMount(staging);
  if (await hasForeignFiles(staging, callerIds().uid)) await giveBack(docker, run, reclaim);
  closeStaging(staging);
}

function assertOneMount(staging: string): void {
  const fd = openSync(staging, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    assertNothingMounted(fd);
  } finally {
    closeSync(fd);
  }
}

async function giveBack(docker: Client, run: string, reclaim: Reclaim): Promise<void> {
  try {
    const image = await makeEmptyImage(docker, run);
    const container = await docker.createContainer(giverSpec(run, image, reclaim));
    await container.start();
    await withinTime(untilEnd(container));
  } finally {
    await removeGiver(docker, run);
  }
}

function withinTime(ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void =>
      reject(new Error('giving the files of a container back took too long'));
    const timer = setTimeout(late, TIME_LIMIT_MS);
    ended.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * The container that gives files back has nothing of the task's image, which its maker may have
 * prepared: its image is empty, and this machine's own chown runs in it, with what it loads and no
 * more. It may change owners and look everywhere, and nothing else.
 */
function giverSpec(
  run: string,
  image: string,
  { staging, owner, usernsMode }: Reclaim,
): Docker.ContainerCreateOptions {
  return {
    name: giverOf(run),
    Image: image,
    Entrypoint: ['/bin/chown'],
    Cmd: ['-R', '-h', '-P', owner, TARGET],
    Env: [],
    User: '0:0',
    WorkingDir: '/',
    Labels: { 'taskfs.gives-back': run },
    NetworkDisabled: true,
    HostConfig: {
      NetworkMode: 'none',
      ...(usernsMode && { UsernsMode: usernsMode }),
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: ['CHOWN', 'DAC_READ_SEARCH'],
      // It mounts next to nothing that could have a label of its own.
      SecurityOpt: ['no-new-privileges', 'label=disable'],
      Memory: MEMORY_LIMIT,
      MemorySwap: MEMORY_LIMIT,
      PidsLimit: 8,
      Mounts: [
        {
          Type: 'bind',
          Source: staging,
          Target: TARGET,
          BindOptions: { Propagation: 'rprivate', NonRecursive: true },
        },
        ...programDirectories().map((path) => ({
          Type: 'bind' as const,
          Source: realpathSync(path),
          Target: path,
          ReadOnly: true,
        })),
      ],
    },
  } as Docker.ContainerCreateOptions;
}

const TARGET = '/taskfs-staging';
const giverOf = (run: string): string => `${run}-gives-back`;
/** Images have names in lower case; the end of a run's name is its random part. */
const imageOf = (run: string): string => `taskfs-gives-back-${run.slice(-8)}`;

const programDirectories = (): string[] =>
  ['/usr', '/bin', '/lib', '/lib64'].filter((path) => existsSync(path));

/** The end of a tar archive, which is a whole one of no files. */
const emptyTar = Buffer.alloc(1024);

/** Makes an image with nothing in it. Returns its id. */
async function makeEmptyImage({ modem }: Client, run: string): Promise<string> {
  const repo = imageOf(run);
  const query = { fromSrc: '-', repo };
  await send(modem, { method: 'POST', path: '/images/create', query, file: emptyTar });
  return repo;
}

/** Removes the container and the image that gave files back; none is fine. */
async function removeGiver(docker: Client, run: string): Promise<void> {
  const { modem } = docker;
  await passMissing(docker.getContainer(giverOf(run)).remove({ force: true, v: true }));
  await passMissing(send(modem, { method: 'DELETE', path: `/images/${imageOf(run)}` }));
}

async function passMissing(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
