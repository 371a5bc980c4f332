import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitFrames } from '../../src/runner/engines/docker/frames.ts';
import { openLedger, type StreamName } from '../../src/runner/engines/docker/ledger.ts';
import { temporaryDirectory } from '../support/temporary.ts';

type Written = readonly [StreamName, string];

const output = fc.array(fc.tuple(fc.constantFrom<StreamName>('stdout', 'stderr'), fc.string()));

function frame([stream, text]: Written): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

const joined = (written: readonly Written[], stream: StreamName): string =>
  written.flatMap(([to, text]) => (to === stream ? [text] : [])).join('');

describe("the engine's multiplexed stream", () => {
  it('is split into the same bytes, wherever it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(output, fc.integer({ min: 1, max: 20 }), async (written, size) => {
        const whole = Buffer.concat(written.map(frame));
        const cuts = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
          whole.subarray(i * size, (i + 1) * size),
        );
        const got: Record<StreamName, Buffer[]> = { stdout: [], stderr: [] };
        for await (const { stream, bytes } of splitFrames(Readable.from(cuts))) {
          got[stream].push(bytes);
        }
        for (const stream of ['stdout', 'stderr'] as const) {
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
        const ledger = openLedger(path, 0);
        const order: StreamName[] = [];
        for (const [stream, text] of written) {
          if (text.length === 0) continue;
          ledger.enter(stream, text.length);
          for (const _ of Array.from({ length: text.length })) order.push(stream);
        }
        const logged = order.length === 0 ? 0 : at % (order.length + 1);
        const inLog = order.slice(0, logged);
        expect(openLedger(path, logged).counts).toEqual({
          stdout: inLog.filter((stream) => stream === 'stdout').length,
          stderr: inLog.filter((stream) => stream === 'stderr').length,
        });
      }),
    );
  });
});
