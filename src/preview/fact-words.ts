import type { Facts } from './facts.ts';
import { shown } from './text.ts';

/** Facts in words for a person, each a few. `bytes` puts a size into words. */
export function showFacts(facts: Facts, bytes: (size: number) => string): string[] {
  const { width, height, frames, duration, container, codec, sampleRate, channels } = facts;
  const { title, artist, version, pages, entries, unpackedBytes, trouble } = facts;
  const words = [
    width !== undefined && height !== undefined && `${width} × ${height}`,
    frames !== undefined && `${frames} frames`,
    container,
    codec !== container && codec,
    duration !== undefined && showSeconds(duration),
    sampleRate !== undefined && `${sampleRate / 1000} kHz`,
    channels !== undefined && counted(channels, 'channel'),
    version !== undefined && `version ${version}`,
    pages !== undefined && counted(pages, 'page'),
    entries !== undefined && `${counted(entries, 'entry', 'entries')}`,
    unpackedBytes !== undefined && `${bytes(unpackedBytes)} unpacked`,
    artist,
    title,
    trouble,
  ];
  return words.filter((word) => typeof word === 'string').map(shown);
}

const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count} ${count === 1 ? one : more}`;

/** `0:07`, `12:30`, `1:02:03`. */
function showSeconds(duration: number): string {
  const whole = Math.round(duration);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = pad(whole % 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}
