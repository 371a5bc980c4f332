import type { Facts } from './facts.ts';
import { type ByteSource, readHead } from './source.ts';

/** What players need to know may stand at the end; a larger file is looked at up to there. */
const MAX_BYTES = 64 * 1024 * 1024;

/** What audio and video say of themselves; nothing where that cannot be read. */
export async function readMediaFacts(mime: string, source: ByteSource): Promise<Facts> {
  const { parseBuffer } = await import('music-metadata');
  const head = readHead(source, MAX_BYTES);
  const about = { mimeType: mime, size: source.size };
  const parsed = await parseBuffer(head, about, { skipCovers: true }).catch(() => undefined);
  if (!parsed) return {};
  const { duration, container, codec, sampleRate, numberOfChannels: channels } = parsed.format;
  const { title, artist } = parsed.common;
  const all = { duration, container, codec, sampleRate, channels, title, artist };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
