import { once } from 'node:events';
import type { Duplex, Writable } from 'node:stream';
import type Docker from 'dockerode';
import { TaskfsError } from '../../../errors.ts';
import { readContainerOptions } from '../container/options.ts';
import type { RunFacts } from '../engine.ts';
import type { ExecRequest, ExecRunning, RunHandle, RunInput, Usage } from '../run-handle.ts';
import { type Client, send } from './client.ts';
import { openClient } from './connect.ts';
import { explainExec, isMissing, isUnreachable, wordsOf } from './failure.ts';
import { splitFrames, unframed } from './frames.ts';
import { type ContainerState, runningContainer } from './running-container.ts';
import { detachKeys } from './start-container.ts';

/** Which container of which engine. */
type ContainerPlace = Pick<ContainerState, 'endpoint' | 'container'>;

/** A container that runs, for others than its supervisor. */
export async function reachContainer(
  state: ContainerPlace,
  facts: RunFacts,
): Promise<RunHandle | undefined> {
  const docker = openClient(state.endpoint);
  const container = docker.getContainer(state.container);
  const found = await inspect(container, facts.task);
  if (!found?.State.Running) return undefined;
  const { signal } = runningContainer(container, new Promise(() => {}), undefined, null);
  const { interactive } = readContainerOptions(facts.options);
  return {
    signal,
    exec: (request) => exec(docker, state, facts, request),
    usage: () => usage(docker, container),
    ...(interactive && { openInput: () => openInput(container) }),
  };
}

async function inspect(container: Docker.Container, task: string) {
  try {
    return await container.inspect();
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new TaskfsError('failed', `the engine of task ${task} answered: ${wordsOf(cause)}`, {
      hint: "Check that it runs, and that you may use it: 'taskfs doctor'.",
      cause,
    });
  }
}

async function exec(
  { modem }: Client,
  { container }: ContainerPlace,
  { task }: RunFacts,
  request: ExecRequest,
): Promise<ExecRunning> {
  const { tty, interactive } = request;
  const { rows, columns } = process.stdout;
  const body = {
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
    ...(tty && rows > 0 && columns > 0 && { ConsoleSize: [rows, columns] }),
    DetachKeys: detachKeys,
    Cmd: request.command,
    Env: Object.entries(request.env).map(([name, value]) => `${name}=${value}`),
    ...(request.cwd !== null && { WorkingDir: request.cwd }),
    ...(request.user !== null && { User: request.user }),
  };
  const path = `/containers/${container}/exec`;
  try {
    const { Id: id } = await send<{ Id: string }>(modem, { method: 'POST', path, body });
    const stream = await send<Duplex>(modem, {
      method: 'POST',
      path: `/exec/${id}/start`,
      body: { Detach: false, Tty: tty },
      hijack: true,
    });
    return {
      ended: follow(modem, id, stream, request),
      ...(tty && { resize: (h: number, w: number) => resize(modem, id, h, w) }),
    };
  } catch (error) {
    throw explainExec(error, task);
  }
}

async function resize(modem: Client['modem'], id: string, h: number, w: number): Promise<void> {
  const request = { method: 'POST', path: `/exec/${id}/resize`, query: { h, w } } as const;
  // One that has ended needs no size.
  await send(modem, request).catch(() => {});
}

async function follow(
  modem: Client['modem'],
  id: string,
  stream: Duplex,
  { interactive, tty }: ExecRequest,
) {
  const { stdout, stderr } = process;
  // Input may still arrive after the command has ended.
  stream.on('error', () => {});
  if (interactive) process.stdin.pipe(stream);
  const sinks: Readonly<Record<string, Writable>> = { stdout, stderr, system: stderr };
  for await (const { stream: name, bytes } of tty ? unframed(stream) : splitFrames(stream)) {
    // A copy: the sink may keep it.
    if (!sinks[name]?.write(Buffer.from(bytes))) await once(sinks[name] ?? stdout, 'drain');
  }
  if (interactive) process.stdin.unpipe(stream);
  const { ExitCode: exitCode } = await send<{ ExitCode: number }>(modem, {
    method: 'GET',
    path: `/exec/${id}/json`,
  });
  return { exitCode, signal: null };
}

async function openInput(container: Docker.Container): Promise<RunInput> {
  const stream = await send<Duplex>(container.modem, {
    method: 'POST',
    path: `/containers/${container.id}/attach`,
    query: { stream: true, stdin: true, detachKeys },
    hijack: true,
  });
  stream.on('error', () => {});
  return {
    stream,
    resize: async (h, w) => {
      await container.resize({ h, w }).catch(() => {});
    },
  };
}

/** The part of an engine's answer that is used; on cgroup v1 some of it has other names. */
interface Stats {
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly pids_stats?: { readonly current?: number };
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?:
      | readonly { readonly op: string; readonly value: number }[]
      | null;
  };
  readonly networks?: Readonly<
    Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>
  >;
}

/** As `docker stats` counts: memory without the file pages that nobody used lately. */
async function usage({ modem }: Client, { id }: Docker.Container): Promise<Usage | undefined> {
  const stats = await send<Stats>(modem, {
    method: 'GET',
    path: `/containers/${id}/stats`,
    query: { stream: false, 'one-shot': true },
  }).catch((error) => {
    if (isMissing(error) || isUnreachable(error)) return undefined;
    throw error;
  });
  const total = stats?.cpu_stats?.cpu_usage?.total_usage;
  // The engine answers for a container that has ended, too: with nothing.
  if (!stats?.memory_stats?.usage || total === undefined) return undefined;
  const { usage: used, limit = null, stats: more = {} } = stats.memory_stats;
  const io = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const ofDisk = (name: string): number =>
    io.filter(({ op }) => op.toLowerCase() === name).reduce((sum, { value }) => sum + value, 0);
  const networks = Object.values(stats.networks ?? {});
  return {
    cpuNs: total,
    memoryBytes: Math.max(0, used - (more.inactive_file ?? more.total_inactive_file ?? 0)),
    memoryLimitBytes: limit,
    processes: stats.pids_stats?.current ?? 0,
    readBytes: ofDisk('read'),
    writtenBytes: ofDisk('write'),
    receivedBytes: networks.reduce((sum, each) => sum + each.rx_bytes, 0),
    sentBytes: networks.reduce((sum, each) => sum + each.tx_bytes, 0),
  };
}
