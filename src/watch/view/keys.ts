/** What a key asks the view to do; `by` counts lines or screens. */
export type Command =
  | { readonly do: 'quit' }
  | { readonly do: 'move'; readonly by: number; readonly unit: 'line' | 'screen' }
  | { readonly do: 'top' }
  | { readonly do: 'bottom' };

const line = (by: number): Command => ({ do: 'move', by, unit: 'line' });
const screen = (by: number): Command => ({ do: 'move', by, unit: 'screen' });

// What xterm and its kin send for each key, with cursor keys in both of their modes.
const commands = new Map<string, Command>([
  ['q', { do: 'quit' }],
  ['\x03', { do: 'quit' }],
  ['\x1b[A', line(-1)],
  ['\x1bOA', line(-1)],
  ['k', line(-1)],
  ['\x1b[B', line(1)],
  ['\x1bOB', line(1)],
  ['j', line(1)],
  ['\x1b[5~', screen(-1)],
  ['b', screen(-1)],
  ['\x1b[6~', screen(1)],
  [' ', screen(1)],
  ['\x1b[H', { do: 'top' }],
  ['\x1b[1~', { do: 'top' }],
  ['g', { do: 'top' }],
  ['\x1b[F', { do: 'bottom' }],
  ['\x1b[4~', { do: 'bottom' }],
  ['G', { do: 'bottom' }],
]);

// biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control sequences.
const KEY = /\x1b(?:\[[\d;]*[A-Za-z~]|O[A-Z])|./gs;

/** The commands in what a terminal sent: several keys may come at once. */
export function commandsIn(input: string): Command[] {
  return Array.from(input.matchAll(KEY), ([key]) => commands.get(key)).filter(
    (command) => command !== undefined,
  );
}
