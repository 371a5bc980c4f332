import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { detectContentType } from '../../src/preview/content-type.ts';
import { readFacts, showFacts } from '../../src/preview/facts.ts';
import { fileLines } from '../../src/preview/file-lines.ts';
import type { ByteSource } from '../../src/preview/source.ts';
import { wavOf } from '../support/media.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const sourceOf = (bytes: Buffer): ByteSource => ({
  size: bytes.length,
  read: (into, at) => bytes.copy(into, 0, at),
});

/** What a file of a name and content is shown as: its facts in one line, and then its lines. */
async function shown(name: string, content: string | Buffer, lines = 20): Promise<string[]> {
  const bytes = Buffer.from(content as string);
  const source = sourceOf(bytes);
  const type = await detectContentType(Buffer.from(name), bytes);
  const { facts, listing } = await readFacts(type, source);
  const made = await fileLines(name, type, source, listing, { lines, columns: 40 });
  const text = made.map((line) =>
    line
      .map((span) => span.text)
      .join('')
      .trimEnd(),
  );
  return [showFacts(facts).join(', '), ...text];
}

test('Markdown is laid out for the width of the terminal', async () => {
  const text = [
    '# A *title*',
    '',
    'Words that are more than forty columns wide, [a link](http://x.y) and <b>\x1b[2J</b>.',
    '',
    '1. one',
    '2. two',
    '   - [x] inner',
    '',
    '> quoted',
    '',
    '```js',
    'const a = 1;',
    '```',
    '',
    '| a | b |',
    '|---|---|',
    '| 1 | `2` |',
  ];
  expect(await shown('x.md', text.join('\n'), 40)).toEqual([
    '',
    'A title',
    '',
    'Words that are more than forty columns',
    'wide, a link (http://x.y) and <b>',
    '\\u{1b}[2J</b>.',
    '',
    '1. one',
    '2. two',
    '   • [x] inner',
    '',
    '│ quoted',
    '',
    '    const a = 1;',
    '',
    'a │ b',
    '──┼──',
    '1 │ 2',
  ]);
});

test('values are a table', async () => {
  expect(await shown('t.csv', 'name,n\n"a, b",3\n漢字,12\n')).toEqual([
    '',
    'name │ n',
    '─────┼───',
    'a, b │ 3',
    '漢字 │ 12',
  ]);
  expect(await shown('t.tsv', 'a\tb\n1\t2\n')).toEqual(['', 'a │ b', '──┼──', '1 │ 2']);
  const rows = '{"a":1}\n{"a":2,"b":["x"]}\n';
  expect((await shown('t.jsonl', rows)).slice(3)).toEqual(['1 │', '2 │ ["x"]']);
  expect(await shown('t.jsonl', '{"a":1}\nno json\n')).toEqual(['', '{"a":1}', 'no json']);
});

test('code has its syntax in colours, and no control character', async () => {
  const name = 'x.ts';
  const bytes = Buffer.from('const x = "\x1b[2J"; // <note>\n');
  const source = sourceOf(bytes);
  const type = await detectContentType(Buffer.from(name), bytes);
  const [line] = await fileLines(name, type, source, undefined, { lines: 1, columns: 80 });
  expect(line).toContainEqual({ text: 'const', styles: ['magenta'] });
  expect(line).toContainEqual({ text: '// <note>', styles: ['dim'] });
  expect(line?.map((span) => span.text).join('')).toBe('const x = "\\u{1b}[2J"; // <note>');
});

const MAKE_ARCHIVES = `mkdir deep; printf 12345 > deep/a; printf 1 > "$(printf 'b\\033[2J')"
  tar cf x.tar deep b*; tar czf x.tgz deep b*; python3 -m zipfile -c x.zip deep b*`;

test('archives are listings, a compressed tar too; a truncated one as far as it goes', async () => {
  const directory = temporaryDirectory();
  execFileSync('bash', ['-c', MAKE_ARCHIVES], { cwd: directory });
  const read = (name: string): Buffer => readFileSync(join(directory, name));
  const names = async (name: string, content: Buffer, lines?: number): Promise<string[]> => {
    const [facts = '', ...listing] = await shown(name, content, lines);
    return [facts, ...listing.map((line) => line.replace(/^ *(\d+) {2}\S+ \S+ {2}/, '$1 '))];
  };
  const all = ['3 entries, 6 B unpacked', '0 deep/', '5 deep/a', '1 b\\u{1b}[2J'];
  for (const name of ['x.tar', 'x.tgz', 'x.zip'])
    expect(await names(name, read(name))).toEqual(all);
  expect(await names('x.tgz', read('x.tgz'), 1)).toEqual([...all.slice(0, 2), '… and 2 more']);
  const cut = read('x.tar').subarray(0, 1536);
  expect(await names('x.tar', cut)).toEqual([
    '2 entries, 5 B unpacked',
    ...all.slice(1, 3),
    '… and perhaps more',
  ]);
  expect(await shown('x.gz', gzipSync('no tar'), 1)).toEqual([
    '',
    expect.stringContaining('1f 8b 08'),
  ]);
  await expect(shown('x.zip', read('x.zip').subarray(0, 60))).rejects.toThrow(
    'the zip cannot be read',
  );
});

test('of PDF and sound, the facts', async () => {
  const pdf = '%PDF-1.4\n1 0 obj\n<< /Type /Pages /Kids [] /Count 3 >>\nendobj\n%%EOF';
  expect((await shown('x.pdf', pdf))[0]).toBe('version 1.4, 3 pages');
  // RIFF: one second of silence, two channels of 16 bits at 8 kHz.
  const wav = wavOf({ channels: 2, bits: 16, rate: 8_000 }, Buffer.alloc(32_000));
  expect((await shown('x.wav', wav))[0]).toBe('WAVE, PCM, 0:01, 8 kHz, 2 channels');
});
