import { closeSync, constants, existsSync, openSync, promises, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { assertNothingMounted } from '../../../sys/index.ts';
import type { Launch } from '../engine.ts';
import { type Client, send } from './client.ts';
import { callerIds } from './container-user.ts';
import { isMissing } from './failure.ts';
import { untilEnd } from './follow.ts';
import type { EngineHost } from './id-mapping.ts';
import { revokeStaging } from './staging-access.ts';

/** How the files of a container become the caller's. Plain JSON: a task's record keeps it. */
export interface ChownPlan {
  readonly staging: string;
  /** `uid:gid` of the caller in the numbers of the container that runs chown. */
  readonly owner: string;
  /** `host`: that container sees the machine's own ids. Default: the engine's. */
  readonly usernsMode?: 'host' | undefined;
}

/**
 * Whether a run may leave files that are not its caller's, and how they are made the caller's
 * then. Root keeps the users of an engine that does not remap them. `other` is the user that is
 * not the default one; null: none.
 */
export function chownPlanOf(
  { staging }: Pick<Launch, 'staging'>,
  { kind }: Pick<EngineHost, 'kind'>,
  other: string | null,
): ChownPlan | null {
  const { uid, gid } = callerIds();
  const caller = `${uid}:${gid}`;
  if (kind === 'rootless') return { staging, owner: '0:0' };
  if (kind === 'remapped') return { staging, owner: caller, usernsMode: 'host' };
  return other !== null && uid !== 0 ? { staging, owner: caller } : null;
}

/** How long chown may run, in milliseconds: a walk over millions of files. */
const TIME_LIMIT_MS = 15 * 60_000;
const MEMORY_LIMIT = 256 * 1024 * 1024;

/**
 * Makes a task's files the caller's, and closes the staging directory to others. `run` is the name
 * of the task's container or service: the container that runs chown is called after it, so that
 * one that was left behind is found and removed by the next try. Throws where something is mounted
 * beneath staging, which is not the task's.
 */
export async function chownArtifacts(docker: Client, run: string, plan: ChownPlan): Promise<void> {
  const { staging } = plan;
  await removeChownContainer(docker, run);
  assertOneMount(staging);
  if (await hasForeignFiles(staging, callerIds().uid)) await runChownContainer(docker, run, plan);
  revokeStaging(staging);
}

function assertOneMount(staging: string): void {
  const fd = openSync(staging, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    assertNothingMounted(fd);
  } finally {
    closeSync(fd);
  }
}

async function runChownContainer(docker: Client, run: string, plan: ChownPlan): Promise<void> {
  try {
    const image = await makeEmptyImage(docker, run);
    const container = await docker.createContainer(chownContainerSpec(run, image, plan));
    await container.start();
    await withinTime(untilEnd(container));
  } finally {
    await removeChownContainer(docker, run);
  }
}

function withinTime(ended: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error('changing the owner of the files took too long'));
    const timer = setTimeout(late, TIME_LIMIT_MS);
    ended.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * The container that runs chown has nothing of the task's image, which its maker may have
 * prepared: its image is empty, and the chown of this machine runs in it, with the libraries it
 * loads. It may change owners and read every directory, and nothing else.
 */
function chownContainerSpec(
  run: string,
  image: string,
  { staging, owner, usernsMode }: ChownPlan,
): Docker.ContainerCreateOptions {
  return {
    name: chownContainerOf(run),
    Image: image,
    Entrypoint: ['/bin/chown'],
    Cmd: ['-R', '-h', '-P', owner, TARGET],
    Env: [],
    User: '0:0',
    WorkingDir: '/',
    Labels: { 'taskfs.chown': run },
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
const chownContainerOf = (run: string): string => `${run}-chown`;
/** Images have names in lower case; the end of a run's name is its random part. */
const emptyImageOf = (run: string): string => `taskfs-chown-${run.slice(-8)}`;

const programDirectories = (): string[] =>
  ['/usr', '/bin', '/lib', '/lib64'].filter((path) => existsSync(path));

/** The end of a tar archive, which is a whole one of no files. */
const emptyTar = Buffer.alloc(1024);

/** Makes an image with nothing in it. Returns its id. */
async function makeEmptyImage({ modem }: Client, run: string): Promise<string> {
  const repo = emptyImageOf(run);
  const query = { fromSrc: '-', repo };
  await send(modem, { method: 'POST', path: '/images/create', query, file: emptyTar });
  return repo;
}

/** Removes the container that ran chown, and its image; none is fine. */
async function removeChownContainer(docker: Client, run: string): Promise<void> {
  const { modem } = docker;
  await ignoreMissing(docker.getContainer(chownContainerOf(run)).remove({ force: true, v: true }));
  await ignoreMissing(send(modem, { method: 'DELETE', path: `/images/${emptyImageOf(run)}` }));
}

async function ignoreMissing(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Whether a tree has a file of another user, or a directory that cannot be read. Cheap, and saves
 * a container: it follows no link, and what it cannot stat counts as another's.
 */
async function hasForeignFiles(root: string, uid: number): Promise<boolean> {
  const waiting = [root];
  try {
    if ((await promises.lstat(root)).uid !== uid) return true;
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      for await (const entry of await promises.opendir(path)) {
        const child = join(path, entry.name);
        if ((await promises.lstat(child)).uid !== uid) return true;
        if (entry.isDirectory()) waiting.push(child);
      }
    }
    return false;
  } catch {
    return true;
  }
}
