import { useEffect, useRef, useState } from 'preact/hooks';
import type { FileFacts } from '../protocol.ts';
import { addressOf, bytesAt, messageOf } from './api.ts';
import { versionOf } from './tree.ts';

/** So much of a file is shown at a time, in bytes. */
export const WINDOW = 4 * 1024 * 1024;
/** So much of a file is loaded that makes sense as a whole alone, in bytes. */
export const WHOLE = 32 * 1024 * 1024;
/**
 * Files up to this size are loaded anew when they change; to larger ones their new end is added.
 */
const RELOADED = 1024 * 1024;

/** Bytes of something that may grow. */
export interface Content {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where in the whole they begin. */
  readonly start: number;
  /** Of the whole. */
  readonly size: number;
}

/** Where what is shown begins, in bytes; `end`: so that the end is shown, also when it grows. */
export type From = number | 'end';

/**
 * The content at an address, or as much of it as `limit`; loaded again when `version` changes. What
 * was loaded stays until the next is there.
 */
export function useBytes(address: string, version: string, from: From = 0, limit = WINDOW) {
  const [content, setContent] = useState<Content>();
  const [problem, setProblem] = useState<string>();
  const known = useRef<{ readonly key: string; readonly content: Content }>(undefined);
  useEffect(() => {
    let isCurrent = true;
    const key = `${from} ${address}`;
    const before = known.current?.key === key ? known.current.content : undefined;
    const loading = from === 'end' ? loadEnd(address, before) : loadAt(address, from, limit);
    loading.then(
      (loaded) => {
        if (!isCurrent) return;
        known.current = { key, content: loaded };
        setContent(loaded);
        setProblem(undefined);
      },
      (error) => isCurrent && setProblem(messageOf(error)),
    );
    return () => {
      isCurrent = false;
    };
  }, [address, version, from, limit]);
  return { content, problem };
}

/** With the byte before, which tells whether a line begins there. */
async function loadAt(address: string, from: number, limit: number): Promise<Content> {
  const start = Math.max(0, from - 1);
  return { ...(await bytesAt(address, start, start + limit)), start };
}

async function loadEnd(address: string, before?: Content): Promise<Content> {
  if (before && before.size > RELOADED) return append(address, before);
  const first = await bytesAt(address, 0, WINDOW);
  if (first.size <= WINDOW) return { ...first, start: 0 };
  const start = first.size - WINDOW;
  return { ...(await bytesAt(address, start, first.size)), start };
}

async function append(address: string, before: Content): Promise<Content> {
  const end = before.start + before.bytes.length;
  const { bytes, size } = await bytesAt(address, end, end + WINDOW);
  if (size < before.size) return loadEnd(address);
  const all = new Uint8Array(before.bytes.length + bytes.length);
  all.set(before.bytes);
  all.set(bytes, before.bytes.length);
  const cut = Math.max(0, all.length - WINDOW);
  return { bytes: all.subarray(cut), start: before.start + cut, size };
}

/** The text of a file, up to `limit`, or why there is none. */
export function useText(task: string, facts: FileFacts, limit = WINDOW) {
  const address = addressOf(task, 'content', facts.ref);
  const { content, problem } = useBytes(address, versionOf(facts), 0, limit);
  return { text: content && textOf(content), content, problem };
}

/** A part of a text. */
export interface TextPart {
  readonly text: string;
  /** Where in the whole it begins and ends, in bytes. */
  readonly start: number;
  readonly end: number;
}

const LINE_END = 10;

/** The whole lines of a part; all of it where it has none. */
export function wholeLinesOf({ bytes, start, size }: Content): TextPart {
  const first = start === 0 ? 0 : bytes.indexOf(LINE_END) + 1;
  const isLast = start + bytes.length >= size;
  const last = isLast ? bytes.length : bytes.lastIndexOf(LINE_END) + 1;
  const [from, to] = first < last ? [first, last] : [0, bytes.length];
  const text = new TextDecoder().decode(bytes.subarray(from, to));
  return { text, start: start + from, end: start + to };
}

/** Where a part of the content begins that has a text, in any case; undefined where none has. */
export async function findAfter(
  address: string,
  at: number,
  wanted: string,
): Promise<number | undefined> {
  const needle = wanted.toLowerCase();
  for (let from = at; ; ) {
    const content = await loadAt(address, from, WINDOW);
    const { text, end } = wholeLinesOf(content);
    if (text.toLowerCase().includes(needle)) return from;
    if (end >= content.size || end <= from) return undefined;
    from = end;
  }
}

export const textOf = ({ bytes }: Content): string => new TextDecoder().decode(bytes);

/** What each view of a file gets. */
export interface ViewProps {
  readonly task: string;
  readonly facts: FileFacts;
}
