import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';
import { type MountedStore, openMount, variants } from '../support/mount.ts';
import { repliesOf } from '../support/replies.ts';
import { until } from '../support/until.ts';

/** What inotifywait hears on a directory of the mount, as `EVENT name`. */
class Heard {
  readonly directory: string;
  private output = '';

  constructor(mount: MountedStore, directory: string) {
    this.directory = directory;
    const args = ['-q', '-m', '--format', '%e %f', join(mount.mountpoint, directory)];
    const child = mount.start('inotifywait', args);
    child.stdout?.on('data', (text) => {
      this.output += text;
    });
    onTestFinished(() => void child.kill());
  }

  /** All events so far but those of reading. */
  get events(): string[] {
    const lines = this.output.split('\n').slice(0, -1);
    return lines.filter((line) => !/^(OPEN|ACCESS|CLOSE_NOWRITE)/.test(line));
  }

  /** Waits until changes beneath are heard. */
  async ready(beneath: string): Promise<void> {
    let count = 0;
    await until('events to be heard', () => {
      writeFileSync(join(beneath, `ready-${count++}`), '');
      return this.events.some((event) => event.includes('ready-'));
    });
  }

  async hears(event: string): Promise<void> {
    await until(`${event} in ${this.directory}`, () => this.events.includes(event));
  }

  /** What was heard between two files that were made beneath. */
  async between(beneath: string, action: () => Promise<unknown>): Promise<string[]> {
    const [from, to] = [`from-${++marks}`, `to-${marks}`];
    writeFileSync(join(beneath, from), '');
    await this.hears(`CLOSE_WRITE,CLOSE ${from}`);
    await action();
    writeFileSync(join(beneath, to), '');
    await this.hears(`CLOSE_WRITE,CLOSE ${to}`);
    const { events } = this;
    const first = events.indexOf(`CLOSE_WRITE,CLOSE ${from}`) + 1;
    return events.slice(first, events.indexOf(`CREATE ${to}`));
  }
}

let marks = 0;

/** Makes and removes a file of one name, so many times; prints the quickest of five runs (s). */
const MAKE_AND_REMOVE = `
import os, sys, time
os.chdir(sys.argv[1])
def run(pairs):
    start = time.monotonic()
    for _ in range(pairs):
        os.close(os.open('same', os.O_CREAT | os.O_RDWR))
        os.unlink('same')
    return time.monotonic() - start
print(min(run(int(sys.argv[2])) for _ in range(5)))
`;
const PAIRS = 200;

const replies = ({ pid }: MountedStore): number => repliesOf(pid);

describe.each(variants.filter(({ options }) => options.driver === 'kernel'))(
  'inotify on the mount ($name)',
  (variant) => {
    let mount: MountedStore;
    let beneath: string;
    let above: string;
    beforeAll(async () => {
      mount = await openMount(variant);
      beneath = join(mount.store.staging, 'one');
      above = join(mount.mountpoint, 'live/one');
    });
    afterAll(() => mount.close());
    const sh = (script: string) => mount.run('sh', ['-ec', script, above, beneath]);

    test('tells each change beneath once, and each change on the mount once', async () => {
      const heard = new Heard(mount, 'live/one');
      await heard.ready(beneath);
      const changes: readonly (readonly [change: string, told: readonly string[]])[] = [
        ['echo 1 > a', ['CREATE a', 'MODIFY a', 'CLOSE_WRITE,CLOSE a']],
        ['echo 2 >> a', ['MODIFY a', 'CLOSE_WRITE,CLOSE a']],
        ['mv a b', ['MOVED_FROM a', 'MOVED_TO b']],
        ['chmod 600 b', ['ATTRIB b']],
        ['mkdir d', ['CREATE,ISDIR d']],
        ['ln -s b l', ['CREATE l']],
        ['ln b h', ['CREATE h']],
        ['mkfifo p', ['CREATE p']],
        [
          'echo 3 > n; mv n b',
          ['CREATE n', 'MODIFY n', 'CLOSE_WRITE,CLOSE n', 'MOVED_FROM n', 'MOVED_TO b'],
        ],
        ['mkdir d/e; mv b d/e/; mv d/e/b c', ['MOVED_FROM b', 'MOVED_TO c']],
        [
          'rm c l h p; rmdir d/e d',
          ['DELETE c', 'DELETE l', 'DELETE h', 'DELETE p', 'DELETE,ISDIR d'],
        ],
      ];
      const told = changes.flatMap(([, events]) => events);
      // One after the other: what comes at once is told as one.
      const change = async (place: '$0' | '$1'): Promise<void> => {
        for (const [script, events] of changes) {
          const before = heard.events.length;
          await sh(`cd "${place}"; ${script}`);
          await until(`'${script}' to be told`, () => {
            return heard.events.length >= before + events.length;
          });
        }
      };
      expect(await heard.between(beneath, () => change('$1'))).toEqual(told);
      expect(await heard.between(beneath, () => change('$0'))).toEqual(told);
    });

    test('leaves a true picture where both sides work on the same names', async () => {
      const heard = new Heard(mount, 'live/one');
      await heard.ready(beneath);
      const script = `
        for i in $(seq 30); do
          echo x >> "$0/f$i" & echo y >> "$1/f$i" & echo z > "$1/g$i" & wait
          [ $((i % 3)) = 0 ] || rm "$0/f$i"
          [ $((i % 2)) = 0 ] || mv "$1/g$i" "$0/f$i"
        done`;
      const events = await heard.between(beneath, () => sh(script));
      const names = new Set<string>();
      for (const event of events) {
        const [kinds = '', name = ''] = event.split(' ');
        if (/CREATE|MOVED_TO/.test(kinds)) names.add(name);
        if (/DELETE|MOVED_FROM/.test(kinds)) names.delete(name);
      }
      const there = readdirSync(beneath).filter((name) => /^[fg]\d/.test(name));
      expect([...names].sort()).toEqual(there.sort());
    });

    test('tells a directory that is watched of its end', async () => {
      await sh('mkdir -p "$1/deep/er"');
      const heard = new Heard(mount, 'live/one/deep/er');
      await heard.ready(join(beneath, 'deep/er'));
      await sh('rm -r "$1/deep"');
      await heard.hears('DELETE_SELF ');
    });

    test('needs nothing for watchers beneath to hear of what is saved on the mount', async () => {
      const child = mount.start('inotifywait', ['-q', '-m', '--format', '%e %f', beneath]);
      onTestFinished(() => void child.kill());
      let output = '';
      child.stdout?.on('data', (text) => {
        output += text;
      });
      await until('the save to be heard', async () => {
        await sh('echo 1 > "$0/.saved.tmp"; mv "$0/.saved.tmp" "$0/saved"');
        return output.includes('MOVED_TO saved');
      });
    });

    test('makes nobody slower who works in a directory that is watched', async () => {
      const work = async () =>
        Number(await mount.run('/usr/bin/python3', ['-c', MAKE_AND_REMOVE, above, String(PAIRS)]));
      const unwatched = await work();
      const heard = new Heard(mount, 'live/one');
      await heard.ready(beneath);
      const before = replies(mount);
      let watched = 0;
      const told = await heard.between(beneath, async () => {
        watched = await work();
      });
      expect(told.filter((event) => event.endsWith(' same')).length).toBe(3 * 5 * PAIRS);
      // LOOKUP, CREATE, FLUSH, RELEASE and UNLINK of each.
      expect(replies(mount) - before).toBeLessThan(6 * 5 * PAIRS);
      expect(watched / unwatched).toBeLessThan(10);
    });

    test('tells who watches a file alone', async () => {
      await sh('echo 1 > "$1/alone"');
      const heard = new Heard(mount, 'live/one/alone');
      await until('a change of the file', async () => {
        await sh('echo 2 >> "$1/alone"');
        return heard.events.includes('MODIFY ');
      });
      await sh('rm "$1/alone"');
      await heard.hears('DELETE_SELF ');
    });
  },
);

test.each(
  variants.filter(({ options }) => options.driver === 'kernel' && options.live !== 'attach'),
)('a read-only mount refuses every change and tells those of the task ($name)', async (variant) => {
  const mount = await openMount({ ...variant, options: { ...variant.options, readOnly: true } });
  onTestFinished(() => mount.close());
  const beneath = join(mount.store.staging, 'one');
  const above = join(mount.mountpoint, 'live/one');
  const sh = (script: string) => mount.run('sh', ['-c', script, above, beneath]);
  await sh('echo 1 > "$1/a"; mkdir "$1/d"; mkfifo "$1/pipe"');
  const changes = [
    'echo 2 >> a',
    ': > a',
    ': > new',
    'rm a',
    'rmdir d',
    'mkdir e',
    'mv a b',
    'ln a h',
    'ln -s a l',
    'mkfifo p',
    'chmod 600 a',
    'touch -m a',
    'truncate -s 0 a',
    'setfattr -n user.x -v 1 a',
    'chattr +d a',
  ];
  const tried = await sh(`cd "$0"; for change in '${changes.join("' '")}'; do
    echo "$change: $(LC_ALL=C sh -c "$change" 2>&1)"; done`);
  const lines = tried.trim().split('\n');
  expect(lines.map((line) => line.includes('Read-only file system') || line)).toEqual(
    changes.map(() => true),
  );
  const allowed = 'for name in . a d pipe; do [ -w $name ] && echo "$name"; done; cat a; ls';
  expect(await sh(`cd "$0"; ${allowed}`)).toBe('pipe\n1\na\nd\npipe\n');

  const heard = new Heard(mount, 'live/one');
  await heard.ready(beneath);
  const work = async () => {
    await sh('cd "$1"; echo 2 > b; mv b c');
    // A file that is gone before it is told of is not told of.
    await heard.hears('MOVED_TO c');
    await sh('cd "$1"; rm a c; rmdir d');
  };
  expect(await heard.between(beneath, work)).toEqual([
    ...['CREATE b', 'MODIFY b', 'CLOSE_WRITE,CLOSE b', 'MOVED_FROM b', 'MOVED_TO c'],
    ...['DELETE a', 'DELETE c', 'DELETE,ISDIR d'],
  ]);
});

describe.each([
  { user: 'a plain user', options: { user: 'plain' } as const },
  // Where staging is attached and archive/ is a read-only mount of its own.
  ...(process.geteuid?.() === 0 ? [{ user: 'root', options: {} }] : []),
])('inotify on the mount, as $user', ({ options }) => {
  test('tells of tasks that start, end and are removed; nothing is left of it', async () => {
    const cli = newCli(options);
    const mountpoint = join(cli.base, 'mount');
    const { pid } = await cli.json<{ pid: number }>('mount', '--json', mountpoint);
    const script = 'cd "$TASKFS_ARTIFACTS"; mkdir -p a/b; echo 1 > file; exec sleep 1000';
    await cli.run('run', '-d', '--name', 'first', '--', 'sh', '-c', script);
    const directories = ['live', 'archive', 'logs', 'live/first'];
    const paths = directories.map((directory) => join(mountpoint, directory));
    const watcher = cli.spawn('inotifywait', '-q', '-m', '--format', '%w %e %f', ...paths);
    onTestFinished(() => void watcher.kill());
    let heard = '';
    watcher.stdout.on('data', (chunk) => {
      heard += chunk;
    });
    const isHeard = (event: string): boolean => heard.includes(`${mountpoint}/${event}`);
    const hears = (event: string) => until(event, () => isHeard(event));
    let count = 0;
    await until('events of each directory', async () => {
      writeFileSync(join(cli.store, 'staging/first', `ready-${++count}`), '');
      await cli.run('run', '--name', `ready-${count}`, '--', 'sleep', '0.3');
      const first = ['live/ CREATE', 'archive/ CREATE', 'logs/ CREATE', 'live/first/ CREATE'];
      return first.every(isHeard);
    });
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    const notifiers = children.map(Number).filter(isNotifier);
    expect(notifiers).not.toHaveLength(0);

    // Told late, as on a busy machine.
    for (const notifier of notifiers) process.kill(notifier, 'SIGSTOP');
    await cli.run('run', '-d', '--name', 'more', '--', 'sleep', '1000');
    const started = Date.now();
    await until('some time to pass', () => Date.now() > started + 800);
    for (const notifier of notifiers) process.kill(notifier, 'SIGCONT');
    await hears('live/ CREATE,ISDIR more');
    for (const task of ['more', 'first']) {
      await cli.run('cancel', '--kill', task);
      await cli.run('wait', task);
      await hears(`live/ DELETE,ISDIR ${task}`);
      await hears(`archive/ CREATE,ISDIR ${task}`);
    }
    await hears('live/first/ DELETE_SELF');
    await hears('logs/ CREATE more.log');
    const changes = 'touch new; echo 2 > first/file; mkdir first/d; rm first/file; mv first second';
    const refused = cli.spawn(
      'sh',
      '-c',
      `cd "$0" || exit; ${changes}`,
      join(mountpoint, 'archive'),
    );
    expect((await text(refused.stderr)).match(/Read-only file system/g)).toHaveLength(5);
    const inside = ['a', 'a/b'].map((path) => join(mountpoint, 'archive/first', path));
    const windows = cli.spawn('inotifywait', '-m', '--format', '%w %e', ...inside);
    onTestFinished(() => void windows.kill());
    let said = '';
    windows.stderr.on('data', (chunk) => {
      said += chunk;
    });
    windows.stdout.on('data', (chunk) => {
      heard += chunk;
    });
    await until('it watches', () => said.includes('established'));
    const watched = Date.now();
    await until('the server to know that', () => Date.now() > watched + 1000);
    expect((await cli.run('rm', 'first')).code).toBe(0);
    await hears('archive/ DELETE,ISDIR first');
    for (const path of ['a', 'a/b']) await hears(`archive/first/${path}/ DELETE_SELF`);
    windows.kill();
    await hears('logs/ DELETE first.log');
    watcher.kill();
    expect(await cli.run('unmount', mountpoint)).toMatchObject({ code: 0 });
    await until('the notifiers to end', () => !notifiers.some(isNotifier));
  }, 120_000);
});

// In namespaces of its own, since the machine may let no plain user have such a mount.
test.runIf(process.geteuid?.() === 0)(
  'a plain user who lets others in is told of what that user may not write',
  async () => {
    const cli = newCli({ user: 'plain' });
    const conf = join(cli.base, 'fuse.conf');
    writeFileSync(conf, 'user_allow_other\n');
    const directories = ['live', 'archive', 'logs', 'live/one', 'live/one/theirs'];
    const script = `
      $T mount --allow-other mnt && $T run -d --name one -- sleep 1000 && echo started && read go
      cd mnt; ls -lR; inotifywait -q -m --format '%w %e %f' ${directories.join(' ')} & exec bash`;
    const variables = [`T=${launcher}`, `TASKFS_STORE=${cli.store}`];
    const asUser = cli.asUser('env', ...variables, 'bash', '-c', script);
    const own = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
    const mounting = `mount --bind '${conf}' /etc/fuse.conf && exec "$@"`;
    const program = spawn('unshare', [...own, 'sh', '-c', mounting, 'sh', ...asUser]);
    onTestFinished(async () => {
      const closed = once(program, 'close');
      program.kill('SIGKILL');
      // With it end all that it has started, and write nothing more.
      await closed;
    });
    let output = '';
    program.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const prints = (...lines: string[]) =>
      until(lines.join(', '), () => lines.every((line) => output.includes(`${line}\n`)));
    await prints('started');
    const another = 65533;
    const staging = join(cli.store, 'staging/one');
    const paths = [join(staging, 'f'), join(staging, 'theirs')];
    const beneath = (text: string) => execFileSync('sh', ['-ec', text, ...paths]);
    beneath(`umask 077; echo 1 > "$0"; mkdir -m 755 "$1"; chown ${another} "$0" "$1"`);
    program.stdin.write('go\n');
    let count = 0;
    await until('events of the last directory', () => {
      beneath(`touch "$1/ready-${count++}"`);
      return output.includes('live/one/theirs/ CREATE ready-');
    });

    beneath('echo 2 >> "$0"; chmod 640 "$0"; cd "$1"; echo 1 > a');
    await prints('live/one/theirs/ CREATE a');
    beneath('cd "$1"; mv a b; mkdir d');
    await prints(...['MODIFY f', 'CLOSE_WRITE,CLOSE f', 'ATTRIB f'].map((it) => `live/one/ ${it}`));
    beneath('cd "$1"; rm b; rmdir d');
    const told = ['CREATE a', 'MOVED_FROM a', 'MOVED_TO b', 'CREATE,ISDIR d'];
    const gone = ['DELETE b', 'DELETE,ISDIR d'];
    await prints(...[...told, ...gone].map((line) => `live/one/theirs/ ${line}`));
    program.stdin.write('$T run -d --name two -- sleep 1000\n');
    await prints('live/ CREATE,ISDIR two', 'logs/ CREATE two.log');
    program.stdin.write('$T cancel --kill two\n');
    await prints('live/ DELETE,ISDIR two', 'archive/ CREATE,ISDIR two');
    program.stdin.write("stat -c '%n %u %a' live live/one/f live/one/theirs\n");
    await prints('live 65534 555', `live/one/f ${another} 640`, `live/one/theirs ${another} 755`);
  },
);

test('inotify on the mount is silent about changes beneath with --no-notify', async () => {
  const mount = await openMount({
    name: 'kernel, plain user',
    user: 'plain',
    options: { driver: 'kernel', notify: false },
  });
  onTestFinished(() => mount.close());
  const heard = new Heard(mount, 'live/one');
  const above = join(mount.mountpoint, 'live/one/above');
  let count = 0;
  await until('events of the mount itself', async () => {
    writeFileSync(join(mount.store.staging, 'one', `beneath-${count++}`), '');
    await mount.run('touch', [above]);
    return heard.events.filter((event) => event.includes('above')).length > 10;
  });
  expect(heard.events.join()).not.toContain('beneath');
});

function isNotifier(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('notifier');
  } catch {
    return false;
  }
}
