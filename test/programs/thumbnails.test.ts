import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Cli, newCli } from '../support/cli.ts';
import { startGraphicalSession } from '../support/graphical-session.ts';
import { tellTask } from '../support/told-task.ts';
import { until } from '../support/until.ts';

/** A PNG of 16 × 16 pixels. */
const PICTURE =
  'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAFklEQVR42mP4z8BAEmIY1TCqYfhqAACQ+f8B8u7o' +
  'VwAAAABJRU5ErkJggg==';

/**
 * As file managers ask for them, until there are $1: again, since tumbler forgets what it was asked
 * for when whoever asked ends before it began.
 */
const ASK = `
  service=org.freedesktop.thumbnails.Thumbnailer1
  until [ "$(ls "$HOME/.cache/thumbnails/normal" | grep -c '^[0-9a-f]*\\.png$')" -ge "$1" ]; do
    for file in "\${@:2}"; do
      gdbus call --session --dest $service --object-path /org/freedesktop/thumbnails/Thumbnailer1 \\
        --method $service.Queue "['file://$HOME/$file']" "['image/png']" normal default 0
    done
    sleep 0.1
  done`;

/** How many thumbnails there are once tumbler has been asked for some, and made `expected`. */
async function thumbnailsAfter(cli: Cli, files: readonly string[], expected: number) {
  const ask = `'${ASK.replaceAll("'", "'\\''")}'`;
  const words = ['bash', '-c', ask, 'bash', expected, ...files].join(' ');
  const session = `timeout 30 dbus-run-session -- ${words}`;
  const { code, stderr } = await cli.script(`mkdir -p ~/.cache/thumbnails/normal; ${session}`);
  expect(code, stderr).toBe(0);
  return count(cli);
}

const count = async (cli: Cli): Promise<number> =>
  Number((await cli.script('ls ~/.cache/thumbnails/normal | wc -l')).stdout);

it('thumbnails of sealed files are found and removed; tumbler can be made to skip', async () => {
  const cli = newCli({ user: 'plain', env: { XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '' } });
  const mountpoint = join(cli.base, 'mnt');
  // A failure must leave no mount for others to meet.
  onTestFinished(async () => void (await cli.script('fusermount3 -uz mnt 2>/dev/null')));
  await cli.run('mount', '--group', 'day', mountpoint);
  const picture = `echo ${PICTURE} | base64 -d`;
  const script = `${picture} > "$TASKFS_ARTIFACTS/a b.png"`;
  const tasks = ['one', 'two'].map((task) =>
    cli.run('run', '--name', task, '--', 'sh', '-c', script),
  );
  for (const { code } of await Promise.all(tasks)) expect(code).toBe(0);
  await cli.script(`${picture} > own.png; mkdir one; cp own.png one`);
  const archived = (task: string): string => `mnt/archive/${task}/a%20b.png`;
  const own = ['one/own.png', 'own.png'];
  const { stdout: byDay } = await cli.script('cd mnt/archive; ls -d */one */two');
  const pictures = byDay.trim().split('\n').map(archived);
  expect(await thumbnailsAfter(cli, [...pictures, ...own], 4)).toBe(4);

  const noted = (await cli.json<Finding[]>('doctor', '--json')).find(isAboutThumbnails);
  expect(noted).toMatchObject({ verdict: 'note', says: expect.stringMatching(/^2 of files/) });
  const removed = await cli.run('rm', '--thumbnails', 'one');
  expect(removed).toMatchObject({ code: 0, stderr: 'thumbnails removed: 1\n' });
  expect(await count(cli)).toBe(3);
  expect(
    (await cli.json<Finding[]>('doctor', '--thumbnails', '--json')).find(isAboutThumbnails),
  ).toMatchObject({ verdict: 'good', says: expect.stringMatching(/^1 of files/) });
  expect(await count(cli)).toBe(2);

  const exclude = `s|^Excludes=.*|Excludes=${mountpoint}|`;
  await cli.script(
    `mkdir -p ~/.config/tumbler; rm -r ~/.cache/thumbnails
    sed '${exclude}' /etc/xdg/tumbler/tumbler.rc > ~/.config/tumbler/tumbler.rc`,
  );
  expect(await thumbnailsAfter(cli, [archived('two'), ...own], 2)).toBe(2);
  const isUnmounted = async () => (await cli.run('unmount', mountpoint)).code === 0;
  await until('tumbler has closed its files', isUnmounted);
});

it('a file manager draws a picture anew that the task has replaced', async () => {
  const cli = newCli({ user: 'plain' });
  const picture = `echo ${PICTURE} | base64 -d`;
  const task = await tellTask(cli, `${picture} > picture.png`);
  const session = await startGraphicalSession(cli);
  session.open('thunar', task.live);
  const cache = join(cli.base, 'home/.cache/thumbnails');
  const first = await until('a thumbnail', () => timesOfThumbnails(cache).at(0));
  let minutes = 0;
  const isAnother = () => timesOfThumbnails(cache).some((time) => time !== first);
  // Again, since a change counts for nothing while Thunar still takes the first thumbnail.
  await until('another', async () => {
    await task.does(`${picture} > new; touch -d "${++minutes} minutes" new; mv new picture.png`);
    return until('a moment', isAnother, 2000).catch(() => false);
  });
  expect(await task.end()).toMatchObject({ code: 0 });
}, 120_000);

/** The times of the pictures of which there are thumbnails, in seconds, as these say. */
function timesOfThumbnails(cache: string): string[] {
  const names = existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: 'utf8' }) : [];
  // The names of those that are being made have another ending behind a dash.
  const thumbnails = names.filter((name) => /\/[0-9a-f]{32}\.png$/.test(name));
  const times = thumbnails.map((name) =>
    /Thumb::MTime\0(\d+)/.exec(readFileSync(join(cache, name), 'latin1'))?.at(1),
  );
  return times.filter((time) => time !== undefined);
}

interface Finding {
  readonly what: string;
}

const isAboutThumbnails = ({ what }: Finding): boolean => what === 'thumbnails';
