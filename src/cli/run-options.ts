import type { Argv, InferredOptionTypes } from 'yargs';

const options = {
  name: { type: 'string', requiresArg: true, describe: 'The task’s name; else one is made' },
  detach: { alias: 'd', type: 'boolean', default: false, describe: 'Run in the background' },
  interactive: { alias: 'i', type: 'boolean', default: false, describe: 'Pass standard input on' },
  tty: { alias: 't', type: 'boolean', default: false, describe: 'Give it a terminal' },
  env: {
    alias: 'e',
    type: 'string',
    array: true,
    nargs: 1,
    describe:
      'A variable K=V; K alone: with the value that it has here. taskfs records no values; a container engine ' +
      'keeps them while the container is there',
  },
  workdir: { alias: 'w', type: 'string', requiresArg: true, describe: 'Where it runs' },
  timeout: { type: 'string', requiresArg: true, describe: 'End it after so long, as in 90s, 10m' },
  retries: { type: 'string', requiresArg: true, default: '0', describe: 'Further tries' },
  drain: {
    type: 'string',
    requiresArg: true,
    describe: 'When it ends, wait so long for open writers of the mount; 10s by default',
  },
  'log-max': {
    type: 'string',
    requiresArg: true,
    describe: 'Keep so much of what it prints, as in 10m, 1g; else all',
  },
  'max-running': {
    type: 'string',
    requiresArg: true,
    describe: 'Wait until fewer tasks than this run',
  },
  engine: {
    type: 'string',
    requiresArg: true,
    describe: 'process, docker, …; follows from --image',
  },
  json: { type: 'boolean', default: false, describe: 'Print its status as JSON, not its output' },
} as const;

const containerOptions = {
  image: { type: 'string', requiresArg: true, describe: 'Run in a container of this image' },
  volume: {
    alias: 'v',
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'HOST:CONTAINER[:ro,z], a path or volume to show there',
  },
  'artifacts-at': {
    type: 'string',
    requiresArg: true,
    describe: 'Where its files go, /artifacts by default',
  },
  user: {
    alias: 'u',
    type: 'string',
    requiresArg: true,
    describe: 'UID[:GID] or name; else the image’s, or yours',
  },
  memory: { alias: 'm', type: 'string', requiresArg: true, describe: 'A limit, as in 512m, 2g' },
  cpus: { type: 'string', requiresArg: true, describe: 'How many CPUs, as in 1.5' },
  pids: { type: 'string', requiresArg: true, describe: 'How many processes and threads; 4096' },
  network: { type: 'string', requiresArg: true, describe: 'none, host, or one of the engine’s' },
  'read-only': { type: 'boolean', describe: 'Its own file system cannot be changed' },
  'cap-drop': {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'A capability to take away, or ALL',
  },
  init: { type: 'boolean', describe: 'A small init as process 1; on by default' },
  label: { alias: 'l', type: 'string', array: true, nargs: 1, describe: 'K=V for the container' },
  pull: {
    choices: ['missing', 'always', 'never'] as const,
    requiresArg: true,
    describe: 'When to fetch the image; missing by default',
  },
  entrypoint: { type: 'string', requiresArg: true, describe: 'Instead of the image’s own' },
} as const;

/** What `taskfs run` was asked for, as typed. */
export type RunOptions = InferredOptionTypes<typeof options> &
  InferredOptionTypes<typeof containerOptions>;

/** Names of the options that only make sense with a container. */
export const containerOptionNames = Object.keys(
  containerOptions,
) as readonly (keyof typeof containerOptions)[];

export function addRunOptions(parser: Argv<object>): Argv<RunOptions> {
  return parser
    .options(options)
    .options(containerOptions)
    .group(Object.keys(options), 'The task:')
    .group(Object.keys(containerOptions), 'In a container:') as unknown as Argv<RunOptions>;
}
