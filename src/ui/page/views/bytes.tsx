import { useEffect, useState } from 'preact/hooks';
import { addressOf, bytesAt, messageOf, sha256Of } from '../api.ts';
import type { ViewProps } from '../content.ts';
import { showTime } from '../format.ts';
import { versionOf } from '../tree.ts';

/** So many first bytes are shown. */
const SHOWN = 4096;
/** Larger files are hashed only when asked for. Bytes. */
const HASHED = 64 * 1024 * 1024;

/** The facts of a file, and its first bytes in hexadecimal. */
export function BytesView({ task, facts }: ViewProps) {
  const [dump, setDump] = useState('');
  const [digest, setDigest] = useState<string>();
  const { ref, size } = facts;
  const version = versionOf(facts);
  const hash = (): void => {
    setDigest('computing…');
    sha256Of(task, ref).then(setDigest, (error) => setDigest(messageOf(error)));
  };
  useEffect(() => {
    bytesAt(addressOf(task, 'content', ref), 0, SHOWN).then(
      ({ bytes }) => setDump(hexDump(bytes)),
      (error) => setDump(messageOf(error)),
    );
    if (size <= HASHED) hash();
  }, [task, ref, version]);
  return (
    <div class="fill">
      <dl class="facts-list">
        <div>
          <dt>Type</dt>
          <dd>{facts.mime}</dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{size.toLocaleString()} bytes</dd>
        </div>
        <div>
          <dt>Changed</dt>
          <dd>{showTime(facts.mtime)}</dd>
        </div>
        <div>
          <dt>Mode</dt>
          <dd>{facts.mode}</dd>
        </div>
        <div>
          <dt>SHA-256</dt>
          <dd>
            {digest ?? (
              <button type="button" onClick={hash}>
                Compute
              </button>
            )}
          </dd>
        </div>
      </dl>
      <pre class="scroller code" tabIndex={0} role="region" aria-label="First bytes">
        {dump}
      </pre>
    </div>
  );
}

/** As `hexdump -C` shows bytes: offset, sixteen bytes, and what of them is text. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'));
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text.join('')}`);
  }
  return lines.join('\n');
}
