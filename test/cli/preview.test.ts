import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { expect, test } from 'vitest';
import { runInAnsweringTerminal } from '../support/answering-terminal.ts';
import { type Cli, launcher, newCli } from '../support/cli.ts';

/** A sealed task `p` with the files that a directory of the test's own has. */
async function taskOf(cli: Cli, files: Readonly<Record<string, string | Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cli.base, name), content);
  const copy = `cd '${cli.base}' && cp ${Object.keys(files).join(' ')} "$TASKFS_ARTIFACTS"`;
  const more = 'cd "$TASKFS_ARTIFACTS"; mkdir -p deep/er; touch deep/er/f; mkfifo pipe';
  await cli.run('run', '--name', 'p', '--', 'sh', '-c', `${copy}; ${more}`);
}

const picture = (format: 'png' | 'webp'): Promise<Buffer> =>
  sharp({ create: { width: 300, height: 200, channels: 3, background: '#c02040' } })
    .toFormat(format)
    .toBuffer();

const RED = [192, 32, 64];

test('preview shows what a file is and how it begins, a directory as a tree', async () => {
  const cli = newCli();
  const whole = await picture('png');
  await taskOf(cli, {
    'n.md': '# Title\n\ntext',
    'p.png': whole,
    'cut.png': whole.subarray(0, 60),
  });
  const preview = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cli.run('preview', 'p', ...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  expect(await preview('n.md')).toMatch(
    /^n\.md {2}text\/markdown {2}13 B {2}[-\d]+ [:\d]+ [-+\d]+\nTitle\n\ntext\n$/,
  );
  const tree = await preview();
  expect(tree.slice(tree.indexOf('\n'))).toBe(
    '\n├── cut.png\n├── deep/\n│   └── er/\n│       └── f\n├── n.md\n├── p.png\n└── pipe\n',
  );
  expect(await preview('-n', '1')).toMatch(/\n├── cut\.png\n… and more\n$/);
  expect(await preview('pipe')).toMatch(/^pipe {2}fifo {2}[-\d]+ [:\d]+ [-+\d]+\n$/);
  expect(await preview('cut.png')).toContain('cannot be decoded\n00000000  89 50');
  expect(JSON.parse(await preview('p.png', '--json'))).toMatchObject({
    path: 'p.png',
    mime: 'image/png',
    view: 'picture',
    width: 300,
    height: 200,
  });

  const out = join(cli.base, 'out.png');
  await preview('p.png', '--out', out);
  const { data } = await sharp(out).raw().toBuffer({ resolveWithObject: true });
  expect([...data.subarray(0, 3)]).toEqual(RED);
  const refused = await cli.run('preview', 'p', 'n.md', '--out', join(cli.base, 'none.png'));
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('no thumbnail') });
  expect(existsSync(join(cli.base, 'none.png'))).toBe(false);
});

/** What terminals answer to: kitty's query, their name, the size of a character, attributes. */
const ANSWERS = {
  kitty: '\\x1b_Gi=31;OK\\x1b\\\\\\x1b[6;20;10t\\x1b[?62;22c',
  iterm: '\\x1bP>|iTerm2 3.5.0\\x1b\\\\\\x1b[?65;1c',
  sixel: '\\x1b[6;20;10t\\x1b[?62;4;22c',
  none: '\\x1b[?62;22c',
};

/** The PNG in a kitty or iTerm2 sequence. */
const decode = (base64: string): Promise<Metadata> =>
  sharp(Buffer.from(base64, 'base64')).metadata();

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: pictures are control sequences.
test('pictures are shown as the terminal answers that it can', async () => {
  const cli = newCli({ env: { LC_ALL: 'C.UTF-8' } });
  await taskOf(cli, {
    'p.png': await picture('png'),
    'q.webp': await picture('webp'),
    'n.md': '',
  });
  const env = { ...process.env, TASKFS_STORE: cli.store, TERM: 'xterm-256color' };
  const shown = (answer: string, verb: string[], more = {}): Promise<string> =>
    runInAnsweringTerminal({ answer, env: { ...env, ...more } }, launcher, ...verb);
  const preview = ['preview', 'p', 'p.png'];

  const kitty = await shown(ANSWERS.kitty, preview);
  expect(kitty).toContain('\x1b_Ga=T,f=100,q=2,');
  const chunks = [...kitty.matchAll(/\x1b_G[^;]*m=[01];([^\x1b]*)\x1b\\/g)].map(([, data]) => data);
  expect(await decode(chunks.join(''))).toMatchObject({ format: 'png', width: 300, height: 200 });

  const [, iterm = ''] =
    /\x1b\]1337;File=inline=1;size=\d+:([^\x07]+)\x07/.exec(await shown(ANSWERS.iterm, preview)) ??
    [];
  expect(await decode(iterm)).toMatchObject({ format: 'png', width: 300 });

  // Raster attributes: one to one, 300 by 200.
  expect(await shown(ANSWERS.sixel, preview)).toMatch(
    /\x1bP0;1;q?[^\x1b]*"1;1;300;200[^\x1b]+\x1b\\/,
  );

  const blocks = await shown(ANSWERS.none, preview, { COLORTERM: 'truecolor', CI: 'true' });
  expect(blocks).toContain(`\x1b[38;2;${RED.join(';')};48;2;${RED.join(';')}m▀`);
  expect(await shown(ANSWERS.none, preview, { LC_ALL: 'C' })).toContain('300 x 200');

  const sheet = await shown(ANSWERS.sixel, ['ls', 'p', '--thumbnails']);
  expect(sheet).toMatch(/\x1b\\\r\np\.png {15}q\.webp\r\n(?:[^\r]+\r\n)*n\.md\r\n/);
  const piped = await cli.run('ls', 'p', '--thumbnails');
  expect(piped).toMatchObject({ code: 1, stderr: expect.stringContaining('no terminal') });
});
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: pictures are control sequences.
