import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { inTerminal } from '../support/tmux.ts';
import { tellTask } from '../support/told-task.ts';
import { until } from '../support/until.ts';

/** What a program prints, or shows, once it is up; and afterwards, when the task did something. */
interface Watcher {
  readonly name: string;
  /** Returns what tells what it has printed so far, or shows. */
  readonly start: (cli: Cli, directory: string) => Promise<() => Promise<string> | string>;
  readonly up: RegExp;
  readonly sees: Partial<Record<Step, RegExp>>;
}

/** What the task does in the directory, one after the other. */
const STEPS = {
  created: 'echo new > new',
  grown: 'echo 2 >> log',
  changed: 'echo second > file',
  replaced: 'echo third > tmp; mv tmp file',
  below: 'echo deep > sub/deep',
  removed: 'rm new',
} as const;
type Step = keyof typeof STEPS;

/** A program whose output is a pipe to us. */
const piped =
  (...command: string[]): Watcher['start'] =>
  async (cli, directory) => {
    const child = cli.spawn(...command.map((word) => word.replaceAll('DIR', directory)));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    return () => output;
  };

/** A program in a terminal of its own. */
const inScreen =
  (...command: string[]): Watcher['start'] =>
  async (cli, directory) => {
    const words = command.map((word) => word.replaceAll('DIR', directory));
    const terminal = await inTerminal(cli.asUser(...words));
    return () => terminal.screen();
  };

const node = (script: string): Watcher['start'] => piped(process.execPath, '-e', script, 'DIR');

const CHOKIDAR = `
  require(${JSON.stringify(join(import.meta.dirname, '../../node_modules/chokidar'))})
    .watch(process.argv[1]).on('all', (event, path) => console.log(event, path))
    .on('ready', () => console.log('ready'))`;

const WATCHERS: readonly Watcher[] = [
  {
    name: 'inotifywait -m -r',
    start: piped('inotifywait', '-m', '-r', '--format', '%e %w%f', 'DIR'),
    up: /established/,
    sees: {
      created: /^CREATE .*\/new$/m,
      grown: /^MODIFY .*\/log$/m,
      changed: /^MODIFY .*\/file$/m,
      replaced: /^MOVED_TO .*\/file$/m,
      below: /^CREATE .*\/sub\/deep$/m,
      removed: /^DELETE .*\/new$/m,
    },
  },
  {
    name: 'tail -F',
    start: piped('tail', '-F', 'DIR/log'),
    up: /^1$/m,
    sees: { grown: /^2$/m },
  },
  {
    name: 'less +F',
    start: inScreen('less', '+F', 'DIR/log'),
    up: /^1$/m,
    sees: { grown: /^2$/m },
  },
  {
    name: 'entr',
    start: piped('bash', '-c', 'exec entr -n cat "$0" < <(echo "$0")', 'DIR/file'),
    up: /^first$/m,
    sees: { changed: /^second$/m, replaced: /^third$/m },
  },
  {
    name: 'chokidar',
    start: node(CHOKIDAR),
    up: /^ready$/m,
    sees: {
      created: /^add .*\/new$/m,
      grown: /^change .*\/log$/m,
      changed: /^change .*\/file$/m,
      below: /^add .*\/sub\/deep$/m,
      removed: /^unlink .*\/new$/m,
    },
  },
  {
    name: 'fs.watch',
    start: node(`fs.watch(process.argv[1], (...event) => console.log(...event));
      console.log('ready')`),
    up: /^ready$/m,
    sees: {
      created: /^rename new$/m,
      grown: /^change log$/m,
      changed: /^change file$/m,
      replaced: /^rename file$/m,
    },
  },
  {
    name: 'fs.watchFile',
    start: node(`fs.watchFile(process.argv[1] + '/log', { interval: 100 }, ({ size }) =>
      console.log('size', size)).once('change', () => {}); console.log('ready')`),
    up: /^ready$/m,
    sees: { grown: /^size 4$/m },
  },
  {
    name: 'watchdog',
    start: piped('/usr/bin/python3', join(import.meta.dirname, 'watchers.py'), 'DIR'),
    up: /^ready$/m,
    sees: {
      created: /^created .*\/new$/m,
      grown: /^modified .*\/log$/m,
      changed: /^modified .*\/file$/m,
      replaced: /^moved .*\/file$/m,
      below: /^created .*\/sub\/deep$/m,
      removed: /^deleted .*\/new$/m,
    },
  },
  {
    name: 'vim, autoread',
    start: inScreen(
      ...['vim', '-Nu', 'NONE', '-c', 'set autoread', '-c'],
      "call timer_start(200, {-> execute('checktime')}, {'repeat': -1})",
      'DIR/file',
    ),
    up: /^first$/m,
    sees: { changed: /^second$/m, replaced: /^third$/m },
  },
  {
    name: 'emacs, auto-revert by events alone',
    start: inScreen(
      ...['emacs', '-nw', '-Q', '--eval'],
      '(progn (setq auto-revert-avoid-polling t) (global-auto-revert-mode 1))',
      'DIR/file',
    ),
    up: /^first$/m,
    sees: { changed: /^second$/m, replaced: /^third$/m },
  },
];

const isRoot = process.geteuid?.() === 0;

describe.each([
  { user: 'a plain user', options: { user: 'plain' } as const },
  ...(isRoot ? [{ user: 'root', options: {} }] : []),
])('of what a task does, as $user', ({ options }) => {
  it('every program hears in the mount', async () => {
    const cli = newCli(options);
    const task = await tellTask(cli, 'mkdir sub; echo 1 > log; echo first > file');
    const programs = await Promise.all(
      WATCHERS.map(async (watcher) => {
        const shown = await watcher.start(cli, task.live);
        await sees(watcher, 'up', watcher.up, shown);
        return { watcher, shown };
      }),
    );
    for (const step of Object.keys(STEPS) as Step[]) {
      await task.does(STEPS[step]);
      const all = programs.map(({ watcher, shown }) =>
        sees(watcher, step, watcher.sees[step], shown),
      );
      const deaf = (await Promise.all(all)).filter((what) => what !== undefined);
      expect(deaf).toEqual([]);
    }
  });
});

/** Why a program does not show something in time; undefined where it does. */
async function sees(
  { name }: Watcher,
  step: string,
  expected: RegExp | undefined,
  shown: () => Promise<string> | string,
): Promise<string | undefined> {
  if (!expected) return undefined;
  return until(name, async () => expected.test(await shown()), 10_000).then(
    () => undefined,
    async () => `${name}, ${step}: ${await shown()}`,
  );
}
