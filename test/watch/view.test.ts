// biome-ignore-all lint/suspicious/noControlCharactersInRegex: colours are control sequences.
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import stringWidth from 'string-width';
import { expect, test } from 'vitest';
import { launcher, newCli } from '../support/cli.ts';
import { inTerminal, type TerminalSession } from '../support/tmux.ts';
import { until } from '../support/until.ts';
import { handMadeTask, newStore } from '../support/watched-task.ts';

interface Settings {
  readonly columns?: number;
  readonly rows?: number;
  readonly task?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** `taskfs watch` in a terminal of its own. */
function watch(store: string, settings: Settings = {}): Promise<TerminalSession> {
  const { columns = 120, rows = 24, task, env = {} } = settings;
  const variables = Object.entries({ TASKFS_STORE: store, LC_ALL: 'C.UTF-8', ...env });
  const command = ['env', ...variables.map((pair) => pair.join('=')), launcher, 'watch'];
  return inTerminal([...command, ...(task ? [task] : [])], columns, rows);
}

const shows = (session: TerminalSession, what: string | RegExp) =>
  until(`the screen shows ${what}`, async () => {
    const screen = await session.screen();
    const found = typeof what === 'string' ? screen.includes(what) : what.test(screen);
    return found ? screen : undefined;
  });

/** Waits for the program's end, and that the terminal is as it was before. */
async function isRestored(session: TerminalSession): Promise<void> {
  await until('the program has ended', async () => (await session.pid()) === undefined);
  await session.press('echo back', 'Enter');
  expect(await shows(session, /^back$/m)).not.toContain('● ');
}

test('tasks beside the chosen one’s files; live green, changes marked, then archived', async () => {
  const store = newStore();
  const session = await watch(store.path);
  await shows(session, 'no tasks yet');
  const one = handMadeTask('one', store);
  mkdirSync(one.file('b-dir/inner'), { recursive: true });
  writeFileSync(one.file('b-dir/inner/deep.txt'), 'x'.repeat(2048));
  writeFileSync(one.file('a.log'), 'one\n');
  await shows(session, /one {2}2 files, 2\.0 KiB/);
  expect(await shows(session, /● one +Live +running +2\.0 KiB/)).toMatch(
    /│ +a\.log +4 B +(now|\d+s).*\n.*│▾ b-dir\/ .*\n.*│ {2}▾ inner\/ .*\n.*│ {6}deep\.txt +2\.0 K/,
  );
  expect(await session.screen('colours')).toMatch(/\x1b\[32m[^\n]*● one/);

  appendFileSync(one.file('a.log'), 'two\n');
  await shows(session, /a\.log +8 B/);
  expect(await session.screen('colours')).toMatch(/\x1b\[33m[^\n]* a\.log/);
  rmSync(one.file('b-dir'), { recursive: true });
  await shows(session, /one {2}1 file, 8 B/);

  // What is chosen stays so, wherever it is on the list.
  const two = handMadeTask('two', store);
  writeFileSync(two.file('of-two'), '');
  expect(await shows(session, /● two.*\n● one/)).toContain('a.log');
  await one.seal();
  expect(await shows(session, /● two.*\n○ one +Archived +completed/)).toContain('a.log');
  await session.resize(80, 24);
  await shows(session, /● two +Live .*\n○ one +completed/);
  expect(await session.screen('colours')).not.toMatch(/32m[^\n]*○ one/);
  await session.press('Up');
  await shows(session, 'of-two');

  // A name as it is made up leaves no place for both: the word that matters stays whole.
  await session.resize(120, 24);
  const generated = handMadeTask('20261127-131415-abcd', store);
  await shows(session, /● 20261127-131415-abcd +Live /);
  await generated.seal();
  await shows(session, /○ 20261127-131415-abcd +completed /);
  await session.press('q');
  await isRestored(session);
});

test('keys and the mouse: panes, filters, folding, preview, log, help', async () => {
  const made = handMadeTask();
  for (let i = 100; i < 300; i++) writeFileSync(made.file(`file-${i}`), '');
  mkdirSync(made.file('dir'));
  writeFileSync(made.file('dir/notes.md'), '# Notes\n\n- point\n');
  writeFileSync(made.paths.log, '\x1b[31mred\x1b[0m\n 10%\r 20%\n');
  const session = await watch(made.store.path, { columns: 80, rows: 20 });
  const first = await shows(session, /file-115/);
  expect(first).toContain(
    'q quit ? help jk go / filter p view l log o open e edit y copy z pause c cancel',
  );
  await session.resize(120, 20);
  expect(first).not.toContain('file-116');
  await session.press('Tab', 'End');
  await shows(session, 'file-299');
  await session.press('/', 'n', 'o', 't');
  await shows(session, /1 of 201 files.*: not\n.*dir\/notes\.md/);
  await session.press('Enter', 'p');
  await shows(session, /notes\.md {2}text\/markdown {2}17 B.*\n *Notes\n *\n *• point/);
  writeFileSync(made.file('dir/notes.md'), 'changed');
  await shows(session, /^changed/m);
  await session.press('Escape', 'Escape', 'Home');
  await shows(session, /▾ dir.*\n.*notes\.md/);
  await session.press('Left');
  expect(await shows(session, /▸ dir/)).not.toContain('notes.md');
  await session.press('l');
  await shows(session, /log of watched {2}following\n+red\n 20%\n/);
  appendFileSync(made.paths.log, 'more\n');
  await shows(session, /^more/m);
  await session.press('?');
  await shows(session, /q, Ctrl-C +quit/);
  await session.press('Escape');

  // SGR 1006: the left button on the fifth row of the files, then the wheel.
  await session.type('\x1b[<0;60;5M\x1b[<0;60;5m');
  await until('file-102 is chosen', async () =>
    /7m[^\n]*file-102/.test(await session.screen('colours')),
  );
  await session.type('\x1b[<65;60;5M'.repeat(10));
  await shows(session, 'file-132');
  await session.resize(120, 30);
  await shows(session, 'file-132');
});

test('on a real task: pause, resume, cancel, edit, copy the path', async () => {
  const cli = newCli();
  const script = 'cd "$TASKFS_ARTIFACTS"; echo old > notes; echo ready; sleep 1000';
  await cli.run('run', '-d', '--name', 'real', '--', 'sh', '-c', script);
  const env = { VISUAL: "sh -c 'echo new >> $1' sh" };
  const session = await watch(cli.store, { task: 'real', env });
  await shows(session, /notes +4 B/);
  await session.press('y');
  await shows(session, `copied: ${cli.store}/staging/real/notes`);
  await session.press('e');
  await shows(session, /notes +8 B/);
  await session.press('z');
  await shows(session, 'real is paused');
  await shows(session, /real +Live +paused/);
  await session.press('z');
  await shows(session, 'real is resumed');
  await session.press('c', 'n', 'c');
  await shows(session, 'cancel real?');
  await session.press('y');
  await shows(session, /○ real +Archived +cancelled/);
  expect(await shows(session, /notes +8 B/)).toContain('real  1 file');
  await session.press('e');
  await shows(session, 'task real is sealed: its files do not change any more');
});

test('no file name moves the cursor or takes two lines; nothing exceeds the screen', async () => {
  const made = handMadeTask();
  writeFileSync(made.file('\x1b[2Jboo\nnext\ttab'), '');
  writeFileSync(made.file('bytes', [0xff, 0xfe]), '');
  writeFileSync(made.file('漢字'.repeat(40)), '');
  const session = await watch(made.store.path, { columns: 40, rows: 10, task: 'watched' });
  const screen = await shows(session, 'bytes\\xff\\xfe');
  expect(screen).toContain('\\u{1b}[2Jboo\\n');
  expect(screen).toMatch(/漢字漢字.*…/);
  for (const line of screen.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(40);
  await session.press('Tab');
  await shows(session, /● watched +Live/);
  await session.resize(12, 3);
  await shows(session, /^ 1 task/);
  expect(await session.screen()).toMatch(/^.{0,12}\n.{0,12}\n.{0,12}\n$/);
});

test('a terminal without Unicode and colours gets neither', async () => {
  const made = handMadeTask();
  writeFileSync(made.file('漢.png'), '');
  const session = await watch(made.store.path, { env: { LC_ALL: 'C', NO_COLOR: '1' } });
  expect(await shows(session, '\\u{6f22}.png')).toMatch(/\* watched.*\|/);
  const screen = await session.screen('colours');
  expect(screen).not.toMatch(/[^\0-\x7f]/);
  expect(screen).not.toMatch(/\x1b\[[\d;]*3[1-7]m/);
});

test('whatever ends it, the terminal is as before: Ctrl-C, Ctrl-Z, signal, hang-up', async () => {
  const made = handMadeTask();
  const session = await watch(made.store.path);
  await shows(session, '● watched');
  await session.press('C-z');
  await until('the shell is back', async () => !(await session.screen()).includes('● watched'));
  await session.press('fg', 'Enter');
  await shows(session, '● watched');
  await session.press('C-c');
  await isRestored(session);
  const again = await watch(made.store.path);
  await shows(again, '● watched');
  process.kill((await again.pid()) ?? Number.NaN, 'SIGTERM');
  await isRestored(again);
  const last = await watch(made.store.path);
  await shows(last, '● watched');
  const pid = (await last.pid()) ?? Number.NaN;
  process.kill(pid, 0);
  await last.hangUp();
  await until('the program has ended', () => !existsSync(`/proc/${pid}`));
});
