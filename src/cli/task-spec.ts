import { readFileSync } from 'node:fs';
import { parseSelection } from '../archive/selection/index.ts';
import { reasonOf, TaskfsError } from '../errors.ts';
import { decodeBytes, isPlainText, showText } from '../process/index.ts';
import { assertImageName, readContainerOptions } from '../runner/engines/container/index.ts';
import {
  absolutePath,
  absoluteTextPath,
  type OnEnd,
  parseGroupName,
  parseTaskName,
  type TaskSpec,
} from '../store/index.ts';
import {
  parseDevice,
  parseGpus,
  parseMount,
  parsePort,
  parseTmpfs,
  parseUlimit,
  parseVolume,
} from './container-arguments.ts';
import { containerOptionNames, type RunOptions } from './run-options.ts';
import { labelsOf } from './selector-options.ts';
import { parseBytes, parseCount, parseDuration, parsePositive, parseWait } from './units.ts';

/** What to run, from the command line. Throws `usage` for values that cannot be. */
export function specOf(command: readonly string[], options: RunOptions): TaskSpec {
  const image = options.image ?? null;
  const engine = options.engine ?? (image === null ? 'process' : 'docker');
  if (image === null) assertNoContainerOptions(options, engine);
  else {
    assertImageName(image);
    assertForContainer([...command, options.workdir ?? '']);
  }
  const settings = image === null ? processOptionsOf(options) : containerOptionsOf(options);
  // Read as the engine will read them: what cannot be is refused before there is a task.
  readContainerOptions(settings);
  const { workdir, timeout, drain, 'max-running': maxRunning, 'log-max': logMax } = options;
  return {
    command,
    cwd: image === null ? absolutePath(workdir ?? '.') : (workdir ?? null),
    engine,
    image,
    env: [...new Set(variablesOf(options).map(nameOf))],
    timeoutMs: timeout === undefined ? null : parseDuration('--timeout', timeout),
    retries: parseCount('--retries', options.retries, 0),
    maxRunning: maxRunning === undefined ? null : parseCount('--max-running', maxRunning, 1),
    ...queueOf(options),
    ...sealedPartOf(options),
    ...(options['on-end'] !== undefined && { onEnd: onEndOf(options['on-end']) }),
    ...(drain !== undefined && { drainMs: parseWait('--drain', drain) }),
    ...(options['keep-editor-files'] && { keepEditorFiles: true }),
    ...(options.label && { labels: labelsOf(options.label) }),
    ...(logMax !== undefined && { logMaxBytes: parseBytes('--log-max', logMax) }),
    options: settings,
  };
}

function sealedPartOf({ artifact, exclude }: RunOptions): Pick<TaskSpec, 'sealedPart'> {
  if (!artifact && !exclude) return {};
  const sealedPart = { ...(artifact && { artifact }), ...(exclude && { exclude }) };
  parseSelection(sealedPart);
  return { sealedPart };
}

function onEndOf(command: string): OnEnd {
  if (command.trim() === '') {
    throw new TaskfsError('usage', '--on-end has no command', {
      hint: `Give a shell command, as in --on-end 'notify-send "$TASKFS_TASK $TASKFS_STATUS"'.`,
    });
  }
  return { command, cwd: absoluteTextPath('.', 'the directory for --on-end') };
}

/** When it may start, but for `--max-running`. */
function queueOf({ after = [], priority, group }: RunOptions): Partial<TaskSpec> {
  if (after.length > MAX_AFTER) {
    throw new TaskfsError('usage', `--after was given more than ${MAX_AFTER} times`, {
      hint: 'Let a task in between run after some of them.',
    });
  }
  return {
    ...(after.length > 0 && { after: after.map(parseTaskName) }),
    ...(priority !== undefined && { priority: parsePriority(priority) }),
    ...(group !== undefined && { group: parseGroupName(group) }),
  };
}

/** A task that waits has a small process for each of those that it waits for. */
const MAX_AFTER = 64;

function parsePriority(text: string): number {
  const priority = Number(text);
  if (/^[+-]?\d{1,4}$/.test(text) && Math.abs(priority) <= 1000) return priority;
  throw new TaskfsError('usage', `'${text}' cannot be the value of --priority`, {
    hint: 'Give a whole number from -1000 to 1000: higher ones come first.',
  });
}

function assertNoContainerOptions(options: RunOptions, engine: string): void {
  const given = containerOptionNames.find((name) => options[name] !== undefined);
  if (given === undefined && engine === 'process') return;
  const what = given === undefined ? `the engine ${engine}` : `--${given}`;
  throw new TaskfsError('usage', `${what} needs a container`, {
    hint: 'Name the image with --image, or leave this out.',
  });
}

/** Container engines take JSON, which holds Unicode and nothing else. */
function assertForContainer(texts: readonly string[]): void {
  const wrong = texts.find((text) => !isPlainText(text));
  if (wrong !== undefined) throw notForContainer(`'${wrong}'`);
}

function notForContainer(what: string): TaskfsError {
  return new TaskfsError('usage', `${showText(what)} is not UTF-8: no container can be given it`, {
    hint: 'Write it to a file that the container sees.',
  });
}

/** What a local process and a container can be asked for alike, as their engines read it. */
function processOptionsOf({
  memory,
  cpus,
  pids,
  interactive,
  tty,
}: RunOptions): TaskSpec['options'] {
  return givenOf({
    memoryBytes: bytesOf('--memory', memory),
    cpus: cpus === undefined ? undefined : parsePositive('--cpus', cpus),
    pids: pids === undefined ? undefined : parseCount('--pids', pids, 1),
    interactive: interactive || undefined,
    tty: tty || undefined,
    consoleSize: tty ? consoleSize() : undefined,
  });
}

const givenOf = (options: TaskSpec['options']): TaskSpec['options'] =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

/** As the container engines read them from the record (their options.ts names them all). */
function containerOptionsOf(options: RunOptions): TaskSpec['options'] {
  const { network, user, pull, entrypoint, init } = options;
  return givenOf({
    ...processOptionsOf(options),
    artifactsAt: options['artifacts-at'],
    user,
    network,
    readOnly: options['read-only'],
    capDrop: options['cap-drop'],
    init,
    labels: options.label && labelsOf(options.label),
    pull,
    entrypoint,
    ...mountsOf(options),
    capAdd: options['cap-add'],
    ports: options.publish?.map(parsePort),
    devices: options.device?.map(parseDevice),
    gpus: options.gpus === undefined ? undefined : parseGpus(options.gpus),
    ulimits: options.ulimit?.map(parseUlimit),
    shmBytes: bytesOf('--shm-size', options['shm-size']),
    hostname: options.hostname,
    platform: options.platform,
    stopSignal: options['stop-signal'],
    graceMs: graceOf(options),
    interactive: options.interactive,
    tty: options.tty,
  });
}

const bytesOf = (option: string, text: string | undefined): number | undefined =>
  text === undefined ? undefined : parseBytes(option, text);

function graceOf({ 'stop-timeout': seconds }: RunOptions): number | undefined {
  return seconds === undefined ? undefined : parseWait('--stop-timeout', seconds);
}

/** What -v, --mount and --tmpfs ask for together. */
function mountsOf({ volume = [], mount = [], tmpfs = [] }: RunOptions) {
  const mounts = mount.map(parseMount);
  const volumes = mounts.flatMap((each) => ('volume' in each ? [each.volume] : []));
  const inMemory = mounts.flatMap((each) => ('tmpfs' in each ? [each.tmpfs] : []));
  const all = [...volume.map(parseVolume), ...volumes];
  const allInMemory = [...tmpfs.map(parseTmpfs), ...inMemory];
  return {
    volumes: all.length > 0 ? all : undefined,
    tmpfs: allInMemory.length > 0 ? allInMemory : undefined,
  };
}

function consoleSize(): [rows: number, columns: number] | undefined {
  const { isTTY, rows, columns } = process.stdout;
  return isTTY && rows > 0 && columns > 0 ? [rows, columns] : undefined;
}

function splitPair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

const nameOf = (variable: string): string => splitPair(variable)[0];

/**
 * What taskfs looks up for itself, or a program that it starts for itself, as ssh for an engine
 * elsewhere.
 */
const LOOKED_UP = /^(HOME|PATH|TMPDIR|LANG|(DOCKER|LC|NODE|SSH|TASKFS|XDG)_.*)$/;

/**
 * Takes the variables of a task out of the environment that a detached supervisor inherits from
 * this process: anybody who may look at it would read them there for as long as the task runs. It
 * gets them through its standard input.
 */
export function withholdFromSupervisor(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(variables)) {
    if (!LOOKED_UP.test(name)) delete process.env[name];
  }
}

/** No longer than a command line may be. */
const MAX_ENV_FILE = 2 * 1024 * 1024;

/**
 * The variables of --env-file and of -e, which come later and so win. Lines are as docker takes
 * them: `K=V` with everything after the sign, or `K` alone; blank ones and those of # are left out.
 * Throws `usage` for a file that cannot be read.
 */
export function variablesOf({ env = [], 'env-file': files = [] }: RunOptions): string[] {
  const lines = files.flatMap((file) => readEnvFile(file).split(/\r?\n/));
  return [...lines.filter((line) => line.trim() !== '' && !line.startsWith('#')), ...env];
}

function readEnvFile(file: string): string {
  try {
    const bytes = readFileSync(absolutePath(file));
    if (bytes.length > MAX_ENV_FILE) throw new Error('it is too large');
    return decodeBytes(bytes);
  } catch (cause) {
    throw new TaskfsError('usage', `--env-file ${file} cannot be read: ${reasonOf(cause)}`, {
      hint: 'Name a file with a variable on each line, as K=V.',
      cause,
    });
  }
}

/**
 * The variables given with -e, values resolved: `K=V`, or `K` with the value that it has in the
 * caller's environment. One that has none there is left out, as container engines do. Throws
 * `usage` for one without a name, and for what a container cannot be given.
 */
export function readEnvironment(
  {
    env = [],
    image,
  }: { readonly env?: readonly string[] | undefined; readonly image?: string | null | undefined },
  callers: readonly string[],
): Record<string, string> {
  const here = new Map(callers.map(splitPair));
  const pairs = env.flatMap((variable) => {
    const [name, value] = splitPair(variable);
    if (name === '' || variable.includes('\0')) {
      throw new TaskfsError('usage', `'${variable}' cannot be the value of -e`, {
        hint: 'Give NAME=VALUE, or NAME alone for the value that it has here.',
      });
    }
    if (variable.includes('=')) return [[name, value] as const];
    const inherited = here.get(name);
    return inherited === undefined ? [] : [[name, inherited] as const];
  });
  const wrong = pairs.find((pair) => !pair.every(isPlainText));
  if (typeof image === 'string' && wrong !== undefined)
    throw notForContainer(`the variable ${wrong[0]}`);
  return Object.fromEntries(pairs);
}
