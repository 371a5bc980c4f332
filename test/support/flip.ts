import { readFileSync, writeFileSync } from 'node:fs';

/** Changes one bit of a file; a negative place counts from its end. */
export function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8((bytes[index] ?? 0) ^ 0x01, index);
  writeFileSync(path, bytes);
}
