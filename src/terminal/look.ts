import { charsetOf } from './charset.ts';
import type { Look } from './styled.ts';

const PALETTES: Readonly<Record<number, Look['palette']>> = {
  1: 'monochrome',
  4: '16',
  8: '256',
  24: 'truecolour',
};

/**
 * What a stream shows by its environment: NO_COLOR, COLORTERM, TERM and the locale. A terminal
 * has styles also where it is to show no colours.
 */
export function lookOf(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Look {
  const charset = charsetOf(environment);
  if (!stream.isTTY) return { charset, palette: 'plain' };
  if (environment.NO_COLOR) return { charset, palette: 'monochrome' };
  return { charset, palette: PALETTES[stream.getColorDepth(environment)] ?? '16' };
}
