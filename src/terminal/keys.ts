/** What a person did: pressed a key, named after it or by its character; or used the mouse. */
export type Input =
  | { readonly type: 'key'; readonly key: string }
  | {
      readonly type: 'mouse';
      readonly action: 'press' | 'wheel-up' | 'wheel-down';
      /** From 0, the left and upper end. */
      readonly column: number;
      readonly row: number;
    };

/** What xterm and its kin send for keys that have no character, in both of their modes. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ['\x1b[A', 'up'],
  ['\x1bOA', 'up'],
  ['\x1b[B', 'down'],
  ['\x1bOB', 'down'],
  ['\x1b[C', 'right'],
  ['\x1bOC', 'right'],
  ['\x1b[D', 'left'],
  ['\x1bOD', 'left'],
  ['\x1b[5~', 'page-up'],
  ['\x1b[6~', 'page-down'],
  ['\x1b[H', 'home'],
  ['\x1bOH', 'home'],
  ['\x1b[1~', 'home'],
  ['\x1b[F', 'end'],
  ['\x1bOF', 'end'],
  ['\x1b[4~', 'end'],
  ['\x1b[Z', 'back-tab'],
  ['\x1b', 'escape'],
  ['\t', 'tab'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\x7f', 'backspace'],
  ['\b', 'backspace'],
  ['\x03', 'ctrl-c'],
  ['\x0c', 'ctrl-l'],
  ['\x15', 'ctrl-u'],
  ['\x1a', 'ctrl-z'],
]);

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: keys are control sequences.
/** A control sequence (CSI or SS3), a lone character, or the beginning of a sequence. */
const SEQUENCE = /\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\x1bO.|\x1b\[[\x20-\x3f]*$|\x1bO$|./gsu;
const UNFINISHED = /^\x1b(?:\[[\x20-\x3f]*|O)?$/;
/** A report of the mouse in xterm's mode 1006: button, column and row from 1, and press or not. */
const MOUSE = /^\x1b\[<(\d+);(\d+);(\d+)([Mm])$/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: keys are control sequences.

/** Makes keys of what a terminal sends. A sequence may come in pieces: its beginning is kept. */
export class InputDecoder {
  private kept = '';

  /** Whether a beginning is kept: the Escape key, unless more comes. */
  get isWaiting(): boolean {
    return this.kept !== '';
  }

  /** The inputs in what came; several may come at once. */
  push(text: string): Input[] {
    const parts = (this.kept + text).match(SEQUENCE) ?? [];
    const last = parts.at(-1) ?? '';
    this.kept = UNFINISHED.test(last) ? last : '';
    return (this.kept === '' ? parts : parts.slice(0, -1)).flatMap(inputOf);
  }

  /** Nothing more came: what is kept was a key of its own. */
  flush(): Input[] {
    const kept = this.kept;
    this.kept = '';
    return kept === '\x1b' ? inputOf(kept) : [];
  }
}

function inputOf(part: string): Input[] {
  const mouse = MOUSE.exec(part);
  if (mouse) return mouseInput(mouse);
  const named = NAMED.get(part);
  if (named !== undefined) return [{ type: 'key', key: named }];
  // Other sequences and control characters are keys that nobody asks for.
  return part < ' ' ? [] : [{ type: 'key', key: part }];
}

const WHEEL_UP = 64;
const WHEEL_DOWN = 65;

function mouseInput([, code, x, y, end]: RegExpExecArray): Input[] {
  const at = { type: 'mouse', column: Number(x) - 1, row: Number(y) - 1 } as const;
  if (Number(code) === WHEEL_UP) return [{ ...at, action: 'wheel-up' }];
  if (Number(code) === WHEEL_DOWN) return [{ ...at, action: 'wheel-down' }];
  return Number(code) === 0 && end === 'M' ? [{ ...at, action: 'press' }] : [];
}
