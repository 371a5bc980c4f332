import { TaskfsError } from '../errors.ts';
import { isPlainText, showText } from '../process/index.ts';
import {
  assertImageName,
  readContainerOptions,
  type Volume,
} from '../runner/engines/container/index.ts';
import { absolutePath, type TaskSpec } from '../store/index.ts';
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
  const settings = image === null ? {} : containerOptionsOf(options);
  // Read as the engine will read them: what cannot be is refused before there is a task.
  readContainerOptions(settings);
  const { workdir, timeout, drain, 'max-running': maxRunning, 'log-max': logMax } = options;
  return {
    command,
    cwd: image === null ? absolutePath(workdir ?? '.') : (workdir ?? null),
    engine,
    image,
    env: (options.env ?? []).map(nameOf),
    timeoutMs: timeout === undefined ? null : parseDuration('--timeout', timeout),
    retries: parseCount('--retries', options.retries, 0),
    maxRunning: maxRunning === undefined ? null : parseCount('--max-running', maxRunning, 1),
    ...(drain !== undefined && { drainMs: parseWait('--drain', drain) }),
    ...(options['keep-editor-files'] && { keepEditorFiles: true }),
    ...(options.label && { labels: labelsOf(options.label) }),
    ...(logMax !== undefined && { logMaxBytes: parseBytes('--log-max', logMax) }),
    options: settings,
  };
}

function assertNoContainerOptions(options: RunOptions, engine: string): void {
  const given = containerOptionNames.find((name) => options[name] !== undefined) ?? ttyOf(options);
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

const ttyOf = ({ tty }: RunOptions): string | undefined => (tty ? 'tty' : undefined);

/** As the container engines read them from the record (their options.ts names them all). */
function containerOptionsOf(options: RunOptions): TaskSpec['options'] {
  const { memory, cpus, pids, network, user, pull, entrypoint, init } = options;
  const given = {
    artifactsAt: options['artifacts-at'],
    user,
    memoryBytes: memory === undefined ? undefined : parseBytes('--memory', memory),
    cpus: cpus === undefined ? undefined : parsePositive('--cpus', cpus),
    pids: pids === undefined ? undefined : parseCount('--pids', pids, 1),
    network,
    readOnly: options['read-only'],
    capDrop: options['cap-drop'],
    init,
    labels: options.label && labelsOf(options.label),
    pull,
    entrypoint,
    volumes: options.volume?.map(parseVolume),
    interactive: options.interactive,
    tty: options.tty,
    consoleSize: options.tty ? consoleSize() : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function consoleSize(): [rows: number, columns: number] | undefined {
  const { isTTY, rows, columns } = process.stdout;
  return isTTY && rows > 0 && columns > 0 ? [rows, columns] : undefined;
}

/** As docker's: a source with a slash, or `.`, is a path; else it is the name of a volume. */
function parseVolume(text: string): Volume {
  const [source, target, mode, ...more] = text.split(':');
  const words = mode?.split(',') ?? [];
  const isKnown = words.every((word) => /^(ro|rw|z|Z)$/.test(word));
  if (source && target && isKnown && more.length === 0) {
    const isName = !source.includes('/') && !source.startsWith('.');
    const relabel = words.find((word) => word === 'z' || word === 'Z');
    return {
      source: isName ? source : absolutePath(source),
      target,
      readOnly: words.includes('ro'),
      ...(relabel !== undefined && { relabel }),
    };
  }
  throw new TaskfsError('usage', `'${text}' cannot be the value of -v`, {
    hint:
      'Give HOST:CONTAINER or VOLUME:CONTAINER, and after another colon ro, z or Z, ' +
      'as in ./data:/data:ro,z.',
  });
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
 * is told them through its standard input.
 */
export function withholdFromSupervisor(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(variables)) {
    if (!LOOKED_UP.test(name)) delete process.env[name];
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
  }: { readonly env?: readonly string[] | undefined; readonly image?: string | undefined },
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
  if (image !== undefined && wrong !== undefined) throw notForContainer(`the variable ${wrong[0]}`);
  return Object.fromEntries(pairs);
}
