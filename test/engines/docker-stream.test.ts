import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamName } from '../../src/runner/engines/docker/frames.ts';
import { type Piece, splitFrames } from '../../src/runner/engines/docker/frames.ts';
import { openLogOffsets } from '../../src/runner/engines/docker/log-offsets.ts';
import { createSkip, openLostLineFeeds } from '../../src/runner/engines/docker/lost-line-feeds.ts';
import { temporaryDirectory } from '../support/temporary.ts';

type Written = readonly [Piece['stream'], string];

const streams = ['stdout', 'stderr', 'system'] as const;
const framed = fc.array(fc.tuple(fc.constantFrom(...streams), fc.string()));
const output = fc.array(fc.tuple(fc.constantFrom<StreamName>('stdout', 'stderr'), fc.string()));

function frame([stream, text]: Written): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = streams.indexOf(stream) + 1;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

const joined = (written: readonly Written[], stream: Piece['stream']): string =>
  written.flatMap(([to, text]) => (to === stream ? [text] : [])).join('');

describe("the engine's multiplexed stream", () => {
  it('is split into the same bytes, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(framed, fc.integer({ min: 1, max: 20 }), async (written, size) => {
        const whole = Buffer.concat(written.map(frame));
        const cuts = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
          whole.subarray(i * size, (i + 1) * size),
        );
        const got: Record<Piece['stream'], Buffer[]> = { stdout: [], stderr: [], system: [] };
        for await (const { stream, bytes } of splitFrames(Readable.from(cuts))) {
          got[stream].push(bytes);
        }
        for (const stream of streams) {
          expect(Buffer.concat(got[stream]).toString()).toBe(joined(written, stream));
        }
      }),
    );
  });
});

describe('the ledger of an output', () => {
  it('knows how much of each stream is in the log, wherever the log was cut off', () => {
    const directory = temporaryDirectory();
    let file = 0;
    fc.assert(
      fc.property(output, fc.nat(), (written, at) => {
        file += 1;
        const path = join(directory, String(file));
        const ledger = openLogOffsets(path, 0);
        const order: StreamName[] = [];
        for (const [stream, text] of written) {
          if (text.length === 0) continue;
          ledger.enter(stream, text.length);
          for (const _ of Array.from({ length: text.length })) order.push(stream);
        }
        const logged = order.length === 0 ? 0 : at % (order.length + 1);
        const inLog = order.slice(0, logged);
        expect(openLogOffsets(path, logged).counts).toEqual({
          stdout: inLog.filter((stream) => stream === 'stdout').length,
          stderr: inLog.filter((stream) => stream === 'stderr').length,
        });
      }),
    );
  });
});

describe('lines that fill their last piece of the log', () => {
  const piece = 16_384;
  const lengths = fc.array(fc.constantFrom(0, 1, 5, piece - 1, piece, piece + 1, 2 * piece), {
    maxLength: 8,
  });

  it('are found wherever output is cut, and skipped with or without their line feeds', () => {
    const directory = temporaryDirectory();
    let file = 0;
    fc.assert(
      fc.property(
        lengths,
        fc.array(fc.nat(70_000), { maxLength: 6 }),
        fc.nat(),
        (lines, cuts, at) => {
          file += 1;
          const text = Buffer.from(lines.map((length) => `${'x'.repeat(length)}\n`).join(''));
          const path = join(directory, String(file));
          const { note } = openLostLineFeeds(path);
          const edges = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b)];
          for (const [index, from] of edges.entries()) {
            note('stderr', text.subarray(from, edges[index + 1]), from);
          }
          const { stderr: places } = openLostLineFeeds(path).places;
          const expected = lines.flatMap((length, index) => {
            const end = lines.slice(0, index + 1).reduce((sum, one) => sum + one + 1, 0) - 1;
            return length > 0 && length % piece === 0 ? [end] : [];
          });
          expect(places).toEqual(expected);
          const stderr = text.length === 0 ? 0 : at % (text.length + 1);
          const skip = createSkip({ stdout: 0, stderr }, { stdout: [], stderr: places });
          const whole = edges.map((from, index) =>
            skip('stderr', text.subarray(from, edges[index + 1])),
          );
          expect(Buffer.concat(whole).equals(text.subarray(stderr))).toBe(true);
        },
      ),
    );
  });
});
