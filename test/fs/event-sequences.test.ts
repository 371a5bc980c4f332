import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MountedStore, openMount, variants } from '../support/mount.ts';
import { below, randomOf } from '../support/mutate.ts';
import { changeAtRandom } from '../support/random-changes.ts';
import { until } from '../support/until.ts';

/** Directories that are watched, and one that is not, which files come from and go to. */
const WATCHED = ['', 'one', 'two', 'one/deep'];
const DIRECTORIES = [...WATCHED, 'unwatched'];
const NAMES = ['a', 'b', 'c', 'd'];
/** What programs on the mount change as well, where both sides do. */
const SHARED_NAMES = ['a', 'b'];
const CHANGES = 80;

/** An event as inotify tells it: what happened, to which name below the root that is watched. */
interface Heard {
  readonly kind: string;
  readonly path: string;
}

const isOfName = ({ kind }: Heard): boolean => /^(CREATE|DELETE|MOVED_FROM|MOVED_TO)$/.test(kind);
const isOfContent = ({ kind }: Heard): boolean => /^(MODIFY|ATTRIB|CLOSE_WRITE)$/.test(kind);

/** What a program hears that watches the directories below a root. */
class Watcher {
  private readonly root: string;
  private readonly program: ChildProcess;
  private output = '';

  constructor(root: string, start: (program: string, args: readonly string[]) => ChildProcess) {
    this.root = root;
    const paths = WATCHED.map((directory) => join(root, directory));
    this.program = start('inotifywait', ['-q', '-m', '--format', '%e %w%f', ...paths]);
    this.program.stdout?.on('data', (text) => {
      this.output += text;
    });
  }

  get events(): Heard[] {
    return this.output
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [kinds = '', path = ''] = line.split(' ');
        const kind = kinds.replace(/,(ISDIR|CLOSE)/g, '');
        return { kind, path: path.slice(this.root.length + 1) };
      });
  }

  hears(kind: string, path: string): boolean {
    return this.events.some((event) => event.kind === kind && event.path === path);
  }

  stop(): void {
    this.program.kill();
  }
}

const childOf = (pid: number, name: string): number => {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const isIt = (child: string) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(name);
  return Number(children.find(isIt));
};

const textOf = ({ kind, path }: Heard): string => `${kind} ${path}`;

/** Events of names; inotify itself merges two that are the same. */
function namesOf(events: readonly Heard[]): Heard[] {
  const last = new Map<string, string>();
  return events.filter((event) => {
    if (!isOfName(event) || last.get(event.path) === event.kind) return false;
    last.set(event.path, event.kind);
    return true;
  });
}

/** Which events of its content there were of each file, from one event of its name to the next. */
function contentsOf(events: readonly Heard[]): Map<string, number> {
  const found = new Map<string, number>();
  const turn = new Map<string, number>();
  const names = new Set(namesOf(events));
  for (const event of events) {
    const at = turn.get(event.path) ?? 0;
    const key = `${textOf(event)} after ${at} events of its name`;
    if (names.has(event)) turn.set(event.path, at + 1);
    else if (isOfContent(event)) found.set(key, (found.get(key) ?? 0) + 1);
  }
  return found;
}

/** Names that are there to whoever goes by what he heard since he knew these. */
function believed(known: ReadonlySet<string>, events: readonly Heard[]): string[] {
  const names = new Set(known);
  for (const { kind, path } of events) {
    if (kind === 'CREATE' || kind === 'MOVED_TO') names.add(path);
    if (kind === 'DELETE' || kind === 'MOVED_FROM') names.delete(path);
  }
  return [...names].sort();
}

describe.each(
  variants.filter(({ options }) => options.driver === 'kernel' && options.live !== 'attach'),
)('the mount tells what inotify tells beneath ($name)', (variant) => {
  let mount: MountedStore;
  let beneath: string;
  let above: string;
  let watchers: { readonly beneath: Watcher; readonly above: Watcher };
  let notifier: number;

  beforeAll(async () => {
    mount = await openMount(variant);
    beneath = join(mount.store.staging, 'one');
    above = join(mount.mountpoint, 'live/one');
    for (const directory of DIRECTORIES) {
      mkdirSync(join(beneath, directory), { recursive: true });
      chmodSync(join(beneath, directory), 0o777);
    }
    await mount.run('ls', ['-R', above]);
    const start = (program: string, args: readonly string[]) =>
      spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    watchers = { beneath: new Watcher(beneath, start), above: new Watcher(above, mount.start) };
    for (const directory of WATCHED) {
      await until(`events in ${directory}`, () => {
        writeFileSync(join(beneath, directory, 'ready'), '');
        unlinkSync(join(beneath, directory, 'ready'));
        return hearBoth('DELETE', join(directory, 'ready'));
      });
    }
    await settled('started');
    notifier = childOf(mount.pid, 'notifier');
  });
  afterAll(async () => {
    watchers.beneath.stop();
    watchers.above.stop();
    await mount.close();
  });

  const hearBoth = (kind: string, path: string): boolean =>
    watchers.beneath.hears(kind, path) && watchers.above.hears(kind, path);

  const names = (): string[] =>
    WATCHED.flatMap((directory) =>
      readdirSync(join(beneath, directory)).map((name) => join(directory, name)),
    ).sort();

  /** Waits until all is told. */
  async function settled(mark: string): Promise<void> {
    for (const directory of WATCHED) writeFileSync(join(beneath, directory, mark), '');
    for (const directory of WATCHED) {
      await until(`${mark} in ${directory}`, () => hearBoth('CLOSE_WRITE', join(directory, mark)));
    }
  }

  /** What is heard, beneath and above, of so many changes; the notifier stops at times. */
  async function during(seed: number, change: (random: () => number) => void) {
    const before = [watchers.beneath.events.length, watchers.above.events.length];
    const known = new Set(names());
    const random = randomOf(seed);
    for (let count = 0; count < CHANGES; count++) {
      if (count % 16 === 4) process.kill(notifier, 'SIGSTOP');
      change(random);
      if (random() < 0.3) await sleep(below(random, 30));
      if (count % 16 === 12) process.kill(notifier, 'SIGCONT');
    }
    await settled(`seed-${seed}`);
    const heard = watchers.above.events.slice(before[1]);
    return { beneath: watchers.beneath.events.slice(before[0]), above: heard, known };
  }

  test.each([1, 2, 3])('when the task changes files (%d)', async (seed) => {
    const playground = { root: beneath, directories: DIRECTORIES, names: NAMES };
    const heard = await during(seed, (random) => changeAtRandom(random, playground));
    expect(namesOf(heard.above).map(textOf)).toEqual(namesOf(heard.beneath).map(textOf));
    const [there, told] = [contentsOf(heard.beneath), contentsOf(heard.above)];
    expect([...told.keys()].sort()).toEqual([...there.keys()].sort());
    const doubled = [...told].filter(([event, count]) => count > (there.get(event) ?? 0));
    expect(doubled).toEqual([]);
  });

  test.each([11, 12])('when programs on the mount change files as well (%d)', async (seed) => {
    const task = { root: beneath, directories: DIRECTORIES, names: NAMES };
    const program = { root: above, directories: DIRECTORIES, names: SHARED_NAMES };
    const heard = await during(seed, (random) => {
      changeAtRandom(random, random() < 0.5 ? program : task);
    });
    expect(believed(heard.known, heard.above)).toEqual(names());
    const isTasks = ({ path }: Heard) => NAMES.slice(2).includes(path.replace(/^.*\//, ''));
    const ofTask = (events: readonly Heard[]) => namesOf(events.filter(isTasks)).map(textOf).sort();
    expect(ofTask(heard.above)).toEqual(ofTask(heard.beneath));
    // Each is told once at most, whoever was its cause.
    const causes = heard.beneath.filter(isOfName).map(textOf);
    for (const event of heard.above.filter(isOfName).map(textOf)) {
      const index = causes.indexOf(event);
      expect(index, event).not.toBe(-1);
      causes.splice(index, 1);
    }
  });
});
