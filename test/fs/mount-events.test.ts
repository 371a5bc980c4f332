import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newCli } from '../support/cli.ts';
import { asNobody, type MountedStore, openMount, variants } from '../support/mount.ts';
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
      const changes = [
        'echo 1 > a',
        'echo 2 >> a',
        'mv a b',
        'chmod 600 b',
        'mkdir d',
        'ln -s b l',
        'ln b h',
        'mkfifo p',
        'echo 3 > n; mv n b',
        'mkdir d/e; mv b d/e/; mv d/e/b c',
        'rm c l h p; rmdir d/e d',
      ].join('; sleep 0.05; ');
      const told = [
        ['CREATE a', 'MODIFY a', 'CLOSE_WRITE,CLOSE a'],
        ['MODIFY a', 'CLOSE_WRITE,CLOSE a'],
        ['MOVED_FROM a', 'MOVED_TO b'],
        ['ATTRIB b'],
        ['CREATE,ISDIR d', 'CREATE l', 'CREATE h', 'CREATE p'],
        ['CREATE n', 'MODIFY n', 'CLOSE_WRITE,CLOSE n', 'MOVED_FROM n', 'MOVED_TO b'],
        ['MOVED_FROM b', 'MOVED_TO c'],
        ['DELETE c', 'DELETE l', 'DELETE h', 'DELETE p', 'DELETE,ISDIR d'],
      ].flat();
      expect(await heard.between(beneath, () => sh(`cd "$1"; ${changes}`))).toEqual(told);
      expect(await heard.between(beneath, () => sh(`cd "$0"; ${changes}`))).toEqual(told);
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

describe('inotify on the mount, from the command line', () => {
  const watch = (mountpoint: string, ...directories: string[]) => {
    const paths = directories.map((directory) => join(mountpoint, directory));
    const [program, args] = asPlain('inotifywait', ['-q', '-m', '--format', '%w %e %f', ...paths]);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    onTestFinished(() => void child.kill());
    const heard = { text: '' };
    child.stdout.on('data', (text) => {
      heard.text += text;
    });
    return { heard, end: () => child.kill() };
  };

  test('tells of tasks that start, end and are removed; nothing is left of it', async () => {
    const cli = newCli({ user: 'plain' });
    const mountpoint = join(cli.base, 'mount');
    const { pid } = await cli.json<{ pid: number }>('mount', '--json', mountpoint);
    await cli.run('run', '-d', '--name', 'first', '--', 'sleep', '1000');
    const { heard, end } = watch(mountpoint, 'live', 'archive', 'logs', 'live/first');
    let notifier = 0;
    await until('a notifier', () => {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
      notifier = children.map(Number).find(isNotifier) ?? 0;
      return notifier > 0;
    });
    const hears = (text: string) => until(text, () => heard.text.includes(text));
    let count = 0;
    await until('a file of the task', () => {
      writeFileSync(join(cli.store, 'staging/first', `ready-${count++}`), '');
      return heard.text.includes('ready');
    });
    await cli.run('run', '--name', 'more', '--', 'sleep', '0.3');
    await hears('live/ CREATE,ISDIR more');
    await cli.run('cancel', '--kill', 'first');
    await cli.run('wait', 'first');
    await hears('live/first/ DELETE_SELF');
    await hears('live/ DELETE,ISDIR first');
    await hears('archive/ CREATE,ISDIR first');
    await hears('logs/ CREATE more.log');
    expect((await cli.run('rm', 'first')).code).toBe(0);
    await hears('archive/ DELETE,ISDIR first');
    await hears('logs/ DELETE first.log');
    end();
    expect(await cli.run('unmount', mountpoint)).toMatchObject({ code: 0 });
    await until('the notifier to end', () => !isNotifier(notifier));
  }, 60_000);
});

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

const asPlain = (program: string, args: string[]): [string, string[]] =>
  process.geteuid?.() === 0 ? asNobody(program, args) : [program, args];

function isNotifier(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('notifier');
  } catch {
    return false;
  }
}
