import { useEffect, useRef, useState } from 'preact/hooks';
import type { FileFacts } from '../protocol.ts';
import { addressOf, bytesAt, messageOf } from './api.ts';
import { versionOf } from './tree.ts';

/** So much of a file is loaded to be shown; of larger ones the beginning or the end. Bytes. */
export const WINDOW = 4 * 1024 * 1024;
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

/**
 * The content at an address, or as much of it as `WINDOW`, from its beginning or its end; loaded
 * again when `version` changes. What was loaded stays until the next is there.
 */
export function useBytes(
  address: string,
  version: string,
  from: 'beginning' | 'end' = 'beginning',
) {
  const [content, setContent] = useState<Content>();
  const [problem, setProblem] = useState<string>();
  const known = useRef<{ readonly key: string; readonly content: Content }>(undefined);
  useEffect(() => {
    let isCurrent = true;
    const key = `${from} ${address}`;
    const before = known.current?.key === key ? known.current.content : undefined;
    load(address, from, before).then(
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
  }, [address, version, from]);
  return { content, problem };
}

async function load(
  address: string,
  from: 'beginning' | 'end',
  before: Content | undefined,
): Promise<Content> {
  if (before && before.size > RELOADED && from === 'end') return append(address, before);
  const first = await bytesAt(address, 0, WINDOW);
  if (from === 'beginning' || first.size <= WINDOW) return { ...first, start: 0 };
  const start = first.size - WINDOW;
  return { ...(await bytesAt(address, start, first.size)), start };
}

async function append(address: string, before: Content): Promise<Content> {
  const end = before.start + before.bytes.length;
  const { bytes, size } = await bytesAt(address, end, end + WINDOW);
  if (size < before.size) return load(address, 'end', undefined);
  const all = new Uint8Array(before.bytes.length + bytes.length);
  all.set(before.bytes);
  all.set(bytes, before.bytes.length);
  const cut = Math.max(0, all.length - WINDOW);
  return { bytes: all.subarray(cut), start: before.start + cut, size };
}

/** The bytes of a file. */
export function useFile(task: string, facts: FileFacts, from: 'beginning' | 'end' = 'beginning') {
  return useBytes(addressOf(task, 'content', facts.ref), versionOf(facts), from);
}

/** The text of a file, or why there is none. */
export function useText(task: string, facts: FileFacts) {
  const { content, problem } = useFile(task, facts);
  return { text: content && textOf(content), content, problem };
}

export const textOf = ({ bytes }: Content): string => new TextDecoder().decode(bytes);

/** What each view of a file gets. */
export interface ViewProps {
  readonly task: string;
  readonly facts: FileFacts;
}
