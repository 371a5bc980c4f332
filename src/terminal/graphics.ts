import type { ReadStream, WriteStream } from 'node:tty';

/** How a terminal takes pictures. */
export type Graphics = 'kitty' | 'iterm' | 'sixel';

/** What a terminal answered. */
export interface TerminalAnswers {
  /** The best way that it has; undefined where it has none. */
  readonly graphics: Graphics | undefined;
  /** The size of a character in pixels, where it says so. */
  readonly cell: { readonly width: number; readonly height: number } | undefined;
}

/**
 * May this picture be shown? (kitty: a pixel that is not shown, a=q); what are you? (XTVERSION);
 * how large is a character? (XTWINOPS 16); and last what every terminal answers: primary device
 * attributes (DA1), which list 4 where there is sixel.
 */
const QUESTIONS = '\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>0q\x1b[16t\x1b[c';

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: answers are control sequences.
const KITTY = /\x1b_Gi=31;OK\x1b\\/;
const VERSION = /\x1bP>\|([^\x1b]*)\x1b\\/;
const CELL = /\x1b\[6;(\d+);(\d+)t/;
const ATTRIBUTES = /\x1b\[\?([\d;]*)c/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: answers are control sequences.

/** Terminals that show iTerm2's inline images, by their own name. */
const ITERM = /^(?:iTerm2|WezTerm|mintty|Konsole|rio)\b/i;

/** An answer comes at once, or over a slow line after that many milliseconds. */
const PATIENCE_MS = 1_000;

/** Asks a terminal what it can; one that does not answer can nothing. */
export async function askTerminal(
  input: ReadStream,
  output: WriteStream,
  patienceMs = PATIENCE_MS,
): Promise<TerminalAnswers> {
  const wasRaw = input.isRaw;
  input.setRawMode(true);
  try {
    return understand(await answerOf(input, output, patienceMs));
  } finally {
    input.setRawMode(wasRaw);
    input.pause();
  }
}

function answerOf(input: ReadStream, output: WriteStream, patienceMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const finish = (): void => {
      clearTimeout(timer);
      input.off('data', hear).off('end', finish);
      resolve(answer);
    };
    const hear = (data: Buffer | string): void => {
      answer += typeof data === 'string' ? data : data.toString('latin1');
      if (ATTRIBUTES.test(answer)) finish();
    };
    const timer = setTimeout(finish, patienceMs);
    input.on('data', hear).once('end', finish);
    output.write(QUESTIONS);
  });
}

function understand(answer: string): TerminalAnswers {
  const [, height, width] = CELL.exec(answer) ?? [];
  const cell = width && height ? { width: Number(width), height: Number(height) } : undefined;
  return { graphics: graphicsIn(answer), cell };
}

function graphicsIn(answer: string): Graphics | undefined {
  if (KITTY.test(answer)) return 'kitty';
  if (ITERM.test(VERSION.exec(answer)?.[1] ?? '')) return 'iterm';
  const attributes = ATTRIBUTES.exec(answer)?.[1]?.split(';') ?? [];
  return attributes.includes('4') ? 'sixel' : undefined;
}
