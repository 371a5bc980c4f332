import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newCli } from '../support/cli.ts';
import {
  type GraphicalSession,
  type ShownWindow,
  startGraphicalSession,
} from '../support/graphical-session.ts';
import { tellTask } from '../support/told-task.ts';
import { until } from '../support/until.ts';

/** Thunar with names as text, Geany without waiting half a minute between two looks at the disk. */
const SETTINGS = `
  mkdir -p ~/.config/geany ~/.config/xfce4/xfconf/xfce-perchannel-xml
  printf '[geany]\\ndisk_check_timeout=1\\n' > ~/.config/geany/geany.conf
  cat > ~/.config/xfce4/xfconf/xfce-perchannel-xml/thunar.xml << 'END'
<?xml version="1.0" encoding="UTF-8"?>
<channel name="thunar" version="1.0">
  <property name="last-view" type="string" value="ThunarDetailsView"/>
</channel>
END`;

const isRoot = process.geteuid?.() === 0;

/** What a window of a program is to show. */
interface Expected {
  readonly program: string;
  /** A word of its title; left out, any window of the program. */
  readonly title?: string;
  readonly texts: readonly (string | RegExp)[];
  readonly without?: readonly string[];
}

const MANAGERS = ['thunar', 'pcmanfm'] as const;

/** Both file managers in a directory of that name. */
const managers = (
  title: string,
  texts: readonly string[],
  without: readonly string[] = [],
): readonly Expected[] => MANAGERS.map((program) => ({ program, title, texts, without }));

/** A cold or busy machine starts four programs, and reads their windows some dozens of times. */
const LIMIT_MS = 400_000;
const LOOK_LIMIT_MS = 100_000;

describe.each([
  { user: 'a plain user', options: { user: 'plain' } as const },
  ...(isRoot ? [{ user: 'root', options: {} }] : []),
])('on the desktop, as $user', ({ options }) => {
  it(
    'windows follow what a task does, and it reads what is saved in them',
    async () => {
      const cli = newCli(options);
      const files = 'for file in notes plan old; do echo one > $file.txt; done; echo x > kept.txt';
      const task = await tellTask(cli, files);
      const session = await startGraphicalSession(cli);
      await session.run('bash', '-c', SETTINGS);
      const archive = join(task.archived, '..');
      session.open('thunar', task.live, archive);
      session.open('pcmanfm', '--no-desktop', '-n', task.live);
      session.open('mousepad', join(task.live, 'notes.txt'));
      session.open('geany', '-i', join(task.live, 'plan.txt'));
      const editors = [
        { program: 'mousepad', title: 'notes.txt' },
        { program: 'geany', title: 'plan.txt' },
      ] as const;
      await shows(session, [
        ...managers('t', ['old.txt']),
        ...editors.map((editor) => ({ ...editor, texts: ['one\n'] })),
      ]);
      session.open('pcmanfm', '--no-desktop', '-n', archive);
      await shows(session, managers('archive', []));

      await task.does('echo new > new.txt; rm old.txt; mv kept.txt moved.txt');
      await shows(session, managers('t', ['new.txt', 'moved.txt'], ['old.txt', 'kept.txt']));
      await task.does('head -c 2000 /dev/zero > new.txt');
      await task.does('echo three > notes.txt; echo three > plan.txt');
      // Editors look, or say what they know, once somebody comes to them and stays for a while.
      const touch = async (): Promise<void> => {
        for (const { title } of editors) {
          await session.press(title, 'Left');
          await session.windows();
        }
      };
      await shows(
        session,
        [
          { program: 'thunar', title: 't', texts: [/^2.0.KiB$/] },
          { program: 'mousepad', title: 'Warning', texts: [/externally modified/] },
          { program: 'geany', title: 'plan.txt', texts: [/more recent than the current buffer/] },
        ],
        touch,
      );
      await session.pressButton('Warning', 'Reload');
      await session.pressButton('plan.txt', 'Reload');
      await shows(
        session,
        editors.map((editor) => ({ ...editor, texts: ['three\n'] })),
      );
      for (const { program, title } of editors) {
        const staged = join(cli.store, 'staging/t', title);
        const isSaved = () => readFileSync(staged, 'utf8').startsWith('three\ntwo');
        const save = async (): Promise<boolean> => {
          // Of one change Mousepad may hear twice, and it takes no keys until it is answered.
          await session.pressButton('Warning', 'Reload');
          await session.press(title, 'ctrl+End', 't', 'w', 'o', 'ctrl+s');
          return until('a second', isSaved, 1000).then(
            () => true,
            () => false,
          );
        };
        await until(`${program} has saved`, save, LOOK_LIMIT_MS);
      }

      expect(await task.end()).toMatchObject({ code: 0 });
      const names = (await cli.run('ls', 't')).stdout.trim().split('\n');
      expect(names).toEqual(['.started', 'moved.txt', 'new.txt', 'notes.txt', 'plan.txt']);
      expect((await cli.run('cat', 't', 'notes.txt')).stdout).toMatch(/^three\ntwo/);
      const isLeft = async (): Promise<boolean> =>
        !(await session.windows()).some(
          ({ program, title }) => MANAGERS.some((one) => one === program) && has(title, 't'),
        );
      await until('the windows of the task are left', isLeft, LOOK_LIMIT_MS);
      await shows(session, managers('archive', ['t']));
      expect((await cli.run('rm', 't')).code).toBe(0);
      await shows(session, managers('archive', [], ['t']));
    },
    LIMIT_MS,
  );
});

const has = (title: string, word: string): boolean => title.split(/[ /]/).includes(word);

/** Waits until windows show what is expected; `before` each look something may be done. */
async function shows(
  session: GraphicalSession,
  expected: readonly Expected[],
  before: () => Promise<unknown> = async () => {},
): Promise<void> {
  let seen: readonly ShownWindow[] = [];
  const missing = () => expected.filter((one) => !seen.some((window) => isShown(window, one)));
  const look = async (): Promise<boolean> => {
    await before();
    seen = await session.windows();
    return missing().length === 0;
  };
  await until('windows', look, LOOK_LIMIT_MS).catch(() => {
    throw new Error(`not shown: ${JSON.stringify(missing())}, but ${JSON.stringify(seen)}`);
  });
}

function isShown(window: ShownWindow, { program, title, texts, without = [] }: Expected): boolean {
  const [, ...within] = window.texts;
  return (
    window.program === program &&
    (title === undefined || has(window.title, title)) &&
    texts.every((text) => within.some((one) => matches(one, text))) &&
    !without.some((text) => within.includes(text))
  );
}

const matches = (text: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? text === wanted : wanted.test(text);
