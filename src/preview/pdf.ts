import type { Facts } from './facts.ts';
import { type ByteSource, readAt, readHead } from './source.ts';

/** The tree of pages, or what says how many there are, stands near one of its ends. */
const END_BYTES = 1024 * 1024;

/**
 * The version of a PDF and how many pages it has, where that can be read as it is: the number of
 * a linearized file, else the largest count of a page tree. In some files that is compressed.
 */
export function readPdfFacts(source: ByteSource): Facts {
  const head = readHead(source, END_BYTES).toString('latin1');
  const tail = readAt(source, Math.max(0, source.size - END_BYTES), END_BYTES).toString('latin1');
  const version = /^%PDF-(\d\.\d)/.exec(head)?.[1];
  const pages = linearizedPages(head) ?? largestCount(head + tail);
  return { ...(version ? { version } : {}), ...(pages === undefined ? {} : { pages }) };
}

function linearizedPages(head: string): number | undefined {
  const [, dictionary] = /<<([^>]*\/Linearized[^>]*)>>/.exec(head.slice(0, 1024)) ?? [];
  const [, pages] = /\/N\s+(\d+)/.exec(dictionary ?? '') ?? [];
  return pages === undefined ? undefined : Number(pages);
}

function largestCount(text: string): number | undefined {
  const trees = text.matchAll(/<<(?:[^<>]|<<[^<>]*>>)*\/Type\s*\/Pages\b(?:[^<>]|<<[^<>]*>>)*>>/g);
  const counts = Array.from(trees, ([tree]) => Number(/\/Count\s+(\d+)/.exec(tree)?.[1] ?? 0));
  return counts.length === 0 ? undefined : Math.max(...counts);
}
