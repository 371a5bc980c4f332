/** What a terminal shows: everything of Unicode, or nothing beyond ASCII. */
export type Charset = 'unicode' | 'ascii';

/** What a terminal can show: characters, styles and colours. */
export interface Capabilities {
  readonly charset: Charset;
  /**
   * All styles, and as many colours as it has; all styles but colours (NO_COLOR); or nothing but
   * text, where there is no terminal.
   */
  readonly palette: 'truecolour' | '256' | '16' | 'monochrome' | 'plain';
}

const PALETTES: Readonly<Record<number, Capabilities['palette']>> = {
  1: 'monochrome',
  4: '16',
  8: '256',
  24: 'truecolour',
};

/**
 * What a stream shows by its environment: NO_COLOR, COLORTERM, TERM and the locale. A terminal
 * has styles also where it is to show no colours.
 */
export function capabilitiesOf(
  stream: NodeJS.WriteStream,
  environment: NodeJS.ProcessEnv,
): Capabilities {
  const charset = charsetOf(environment);
  if (!stream.isTTY) return { charset, palette: 'plain' };
  if (environment.NO_COLOR) return { charset, palette: 'monochrome' };
  // Node takes a CI machine to show no colours, which is true of its logs; this is a terminal.
  const { CI: _, ...shown } = environment;
  return { charset, palette: PALETTES[stream.getColorDepth(shown)] ?? '16' };
}

/** The charset of a locale, as setlocale(3) finds it for LC_CTYPE. */
function charsetOf({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): Charset {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || 'C') ? 'unicode' : 'ascii';
}

/** What our own words and frames are made of, as ASCII has it. */
const REPLACEMENTS: ReadonlyMap<string, string> = new Map([
  ['…', '~'],
  ['│', '|'],
  ['─', '-'],
  ['├', '|'],
  ['└', '`'],
  ['┼', '+'],
  ['▾', 'v'],
  ['▸', '>'],
  ['●', '*'],
  ['○', 'o'],
  ['•', '*'],
  ['·', '-'],
  ['×', 'x'],
  ['–', '-'],
  ['’', "'"],
  ['↑', '^'],
  ['↓', 'v'],
]);

/** A text in a charset: a character that it lacks is written as an escape, `\u{6f22}`. */
export function inCharset(text: string, charset: Charset): string {
  if (charset === 'unicode') return text;
  return text.replace(BEYOND_ASCII, escapeCharacter);
}

const BEYOND_ASCII = /[\u0080-\u{10ffff}]/gu;

const escapeCharacter = (character: string): string =>
  REPLACEMENTS.get(character) ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
