/**
 * C structs described as data: field names and their types in order. Offsets and the size follow
 * from C's own rule (each field aligned to its size, the whole to its largest), so that no number
 * is written by hand; a test compares every one with the system's header.
 */

export type Scalar = 'u16' | 'i32' | 'u32' | 'u64' | 'i64';
export type FieldType = Scalar | Struct | readonly [Scalar, number];
export type Fields = Readonly<Record<string, FieldType>>;

export interface Struct<Names extends string = string> {
  readonly size: number;
  readonly align: number;
  /** Byte offset of each field. */
  readonly at: Readonly<Record<Names, number>>;
}

const WIDTH: Record<Scalar, number> = { u16: 2, i32: 4, u32: 4, u64: 8, i64: 8 };

/** Lays the fields out as a C compiler does on every 64-bit Linux. */
export function struct<F extends Fields>(fields: F): Struct<keyof F & string> {
  const at: Record<string, number> = {};
  let end = 0;
  let widest = 1;
  for (const [name, type] of Object.entries(fields)) {
    const { size, align } = measure(type);
    end = roundUp(end, align);
    at[name] = end;
    end += size;
    widest = Math.max(widest, align);
  }
  return { size: roundUp(end, widest), align: widest, at: at as Record<keyof F & string, number> };
}

function measure(type: FieldType): { size: number; align: number } {
  if (typeof type === 'string') return { size: WIDTH[type], align: WIDTH[type] };
  if ('at' in type && 'align' in type) return type;
  const [scalar, count] = type as readonly [Scalar, number];
  return { size: WIDTH[scalar] * count, align: WIDTH[scalar] };
}

export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

const WORD = 2 ** 32;

/**
 * A 64-bit field as a number. Node ids, handles, sizes and offsets stay far below 2^53 here, and
 * two 32-bit reads are several times cheaper than a bigint.
 */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * WORD + view.getUint32(at, true);
}

/** The reverse of `readU64`. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % WORD, true);
  view.setUint32(at + 4, Math.floor(value / WORD), true);
}
