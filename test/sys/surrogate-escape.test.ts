import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBytes, encodeText, isPlainText, showText } from '../../src/process/index.ts';

describe('bytes as text', () => {
  it('come back as they were, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(encodeText(decodeBytes(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('are plain text where they are UTF-8, and as Python escapes them where they are not', () => {
    expect(decodeBytes(Buffer.from('é 😀'))).toBe('é 😀');
    const mixed = decodeBytes(Buffer.from('f09f9880ffeda08061', 'hex'));
    expect(mixed).toBe('😀\udcff\udced\udca0\udc80a');
    expect(isPlainText(mixed)).toBe(false);
    expect(showText(mixed)).toBe('😀\ufffd\ufffd\ufffd\ufffda');
  });
});
