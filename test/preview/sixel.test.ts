import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from 'sixel';
import { expect, test } from 'vitest';
import { makeRaster, makeStrip } from '../../src/preview/index.ts';
import { sixelPicture } from '../../src/terminal/index.ts';
import { runInAnsweringTerminal } from '../support/answering-terminal.ts';
import { launcher, newCli } from '../support/cli.ts';
import { picture } from '../support/media.ts';
import { until } from '../support/until.ts';

const COLOURS = [
  [200, 30, 40],
  [20, 160, 60],
  [30, 60, 190],
] as const;
const SIDE = 24;
const GAP = 12;

// biome-ignore lint/suspicious/noControlCharactersInRegex: pictures are control sequences.
const BODY = /^\x1bP0;1;q([^\x1b]*)\x1b\\\n$/;

test('a sixel picture has each colour in place, and nothing where it is transparent', async () => {
  const pictures = await Promise.all(COLOURS.map((colour) => picture(SIDE, SIDE, 'png', colour)));
  const strip = await makeStrip(pictures, { width: SIDE, height: SIDE }, GAP);
  const sixels = await sixelPicture(await makeRaster(strip, 1000, 1000));
  const [, body = ''] = BODY.exec(sixels) ?? [];
  const { data32, width, height } = decode(body, { fillColor: 0 });
  expect([width, height]).toEqual([3 * SIDE + 2 * GAP, SIDE]);
  const pixels = new Uint8Array(data32.buffer, data32.byteOffset);
  const at = (x: number, y: number): number[] => [
    ...pixels.subarray((y * width + x) * 4).slice(0, 4),
  ];
  for (const [index, colour] of COLOURS.entries()) {
    for (const [x, y] of [
      [0, 0],
      [SIDE - 1, SIDE - 1],
    ] as const) {
      const found = at(index * (SIDE + GAP) + x, y);
      // Sixels count in hundredths.
      for (const [channel, value] of colour.entries()) {
        expect(Math.abs((found[channel] ?? 0) - value)).toBeLessThanOrEqual(3);
      }
      expect(found[3]).toBe(255);
    }
  }
  expect(at(SIDE + GAP / 2, SIDE / 2)[3]).toBe(0);
});

test('thumbnails stand above their names where only the kernel knows cell sizes', async () => {
  const cli = newCli();
  writeFileSync(join(cli.base, 'a.png'), await picture(300, 200));
  const script = `for name in a b c; do cp ${cli.base}/a.png "$TASKFS_ARTIFACTS/$name.png"; done`;
  await cli.run('run', '--name', 't', '--', 'sh', '-c', script);
  const env = { ...process.env, TASKFS_STORE: cli.store, LC_ALL: 'C.UTF-8', CELL: '6x13' };
  // As xterm, which does not say it otherwise: sixel, and nothing else.
  const terminal = { answer: '\\x1b[?62;4;22c', env };
  const list = () => runInAnsweringTerminal(terminal, launcher, 'ls', 't', '--thumbnails');
  // It gives a terminal a second to answer.
  const shown = await until('it has got the answer', async () => {
    const output = await list();
    return output.includes('\x1bP') && output;
  });
  // Tiles of 18 by 8 characters, two apart.
  expect(shown).toContain(`"1;1;${(3 * 18 + 2 * 2) * 6};${8 * 13}#0`);
  expect(shown).toContain('\r\na.png               b.png               c.png\r\n');
});
