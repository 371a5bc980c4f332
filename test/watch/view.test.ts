import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { inTerminal, type TerminalSession } from '../support/tmux.ts';
import { until } from '../support/until.ts';
import { type HandMadeTask, handMadeTask, newStore } from '../support/watched-task.ts';

const program = join(import.meta.dirname, '..', 'support', 'watch-program.ts');
const GREEN = '\x1b[32m';

const view = (
  { store, task }: Pick<HandMadeTask, 'store'> & { task?: string },
  ...size: number[]
) => inTerminal([process.execPath, program, store.path, 'tree', ...(task ? [task] : [])], ...size);

const shows = (session: TerminalSession, what: string | RegExp) =>
  until(`the screen shows ${what}`, async () => {
    const screen = await session.screen();
    const found = typeof what === 'string' ? screen.includes(what) : what.test(screen);
    return found ? screen : undefined;
  });

test('a tree, green while live, sorted, with sizes and ages; plain once archived', async () => {
  const made = handMadeTask();
  mkdirSync(made.file('b-dir/inner'), { recursive: true });
  writeFileSync(made.file('b-dir/inner/deep.txt'), 'x'.repeat(2048));
  writeFileSync(made.file('a.log'), 'one\n');
  const session = await view(made);
  const screen = await shows(session, 'deep.txt');
  expect(screen).toMatch(/● watched {2}running, live, 2 files/);
  expect(screen).toMatch(
    /├── a\.log +4 B +(now|\d+s)\n└── b-dir\/ .*\n {4}└── inner\/ .*\n {8}└── deep\.txt +2\.0 KiB/,
  );
  expect(await session.screen('colours')).toContain(`${GREEN}● watched`);

  appendFileSync(made.file('a.log'), 'two\n');
  await shows(session, /a\.log +8 B/);
  rmSync(made.file('b-dir'), { recursive: true });
  await shows(session, /watched {2}running, live, 1 file /);

  await made.seal();
  expect(await shows(session, '○ watched  completed, archived')).toContain('a.log');
  expect(await session.screen('colours')).not.toContain(GREEN);
});

test('a large tree is cut to the screen, scrolls, and follows a resize', async () => {
  const made = handMadeTask();
  for (let i = 100; i < 300; i++) writeFileSync(made.file(`file-${i}-${'long'.repeat(30)}`), '');
  const session = await view(made, 60, 20);
  const first = await shows(session, 'lines 1–19 of 201');
  expect(first).toContain('file-117');
  expect(first).not.toContain('file-118');
  for (const line of first.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(60);
  await session.press('G');
  await shows(session, 'file-299');
  await session.press('g', 'Down');
  await shows(session, 'lines 2–20 of 201');
  await session.press('PageDown');
  await shows(session, 'lines 21–39 of 201');
  await session.resize(100, 30);
  await shows(session, 'lines 21–49 of 201');
  await session.resize(12, 5);
  await shows(session, /^.{12}\n.{12}\n/);
});

test('no file name can move the cursor or take two lines', async () => {
  const made = handMadeTask();
  writeFileSync(made.file('\x1b[2Jboo\nnext\ttab'), '');
  writeFileSync(made.file('bytes', [0xff, 0xfe]), '');
  writeFileSync(made.file('漢字'), '');
  const session = await view(made);
  const screen = await shows(session, 'bytes\\xff\\xfe');
  expect(screen).toContain('\\u{1b}[2Jboo\\nnext\\ttab');
  expect(screen).toContain('漢字');
});

for (const key of ['q', 'C-c']) {
  test(`${key} quits and gives the terminal back as it was`, async () => {
    const made = handMadeTask();
    const session = await view(made);
    await shows(session, '● watched');
    await session.press(key);
    await until('the program has ended', async () => (await session.pid()) === undefined);
    await session.press('echo back', 'Enter');
    expect(await shows(session, /^back$/m)).not.toContain('● watched');
  });
}

test('a terminated view gives the terminal back as it was', async () => {
  const made = handMadeTask();
  const session = await view(made);
  await shows(session, '● watched');
  process.kill((await session.pid()) ?? Number.NaN, 'SIGTERM');
  await until('the program has ended', async () => (await session.pid()) === undefined);
  await session.press('echo back', 'Enter');
  expect(await shows(session, /^back$/m)).not.toContain('● watched');
});

test('a view whose terminal goes away ends', async () => {
  const session = await view(handMadeTask());
  await shows(session, '● watched');
  const pid = (await session.pid()) ?? Number.NaN;
  process.kill(pid, 0);
  await session.hangUp();
  await until('the program has ended', () => !existsSync(`/proc/${pid}`));
});

test('all tasks: live ones above archived ones, tasks that come later appear', async () => {
  const store = newStore();
  const session = await view({ store });
  await shows(session, 'no tasks yet');
  const one = handMadeTask('one', store);
  const two = handMadeTask('two', store);
  writeFileSync(two.file('of-two'), '');
  await shows(session, 'of-two');
  await two.seal();
  await shows(session, /● one.*\n(.*\n)*○ two/);
  expect(await session.screen()).toMatch(/● one {2}running/);
  await one.seal();
  await shows(session, '○ one');
});
