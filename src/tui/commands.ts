/** What a key asks the view to do. */
export type Command =
  | 'quit'
  | 'help'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'next-pane'
  | 'previous-pane'
  | 'in'
  | 'out'
  | 'toggle'
  | 'filter'
  | 'clear'
  | 'open'
  | 'edit'
  | 'preview'
  | 'log'
  | 'cancel'
  | 'pause'
  | 'copy'
  | 'suspend'
  | 'redraw';

interface Binding {
  readonly command: Command;
  readonly keys: readonly string[];
  /** In the help. */
  readonly shown: string;
  readonly meaning: string;
  /** On the last line, where there is room for it; the first ones are kept longest. */
  readonly short?: string;
}

const BINDINGS: readonly Binding[] = [
  { command: 'quit', keys: ['q', 'ctrl-c'], shown: 'q, Ctrl-C', meaning: 'quit', short: 'q quit' },
  { command: 'help', keys: ['?'], shown: '?', meaning: 'this help', short: '? help' },
  { command: 'up', keys: ['up', 'k'], shown: '↑, k', meaning: 'one line up' },
  {
    command: 'down',
    keys: ['down', 'j'],
    shown: '↓, j',
    meaning: 'one line down',
    short: 'jk go',
  },
  { command: 'page-up', keys: ['page-up', 'b'], shown: 'PageUp, b', meaning: 'one page up' },
  {
    command: 'page-down',
    keys: ['page-down', ' '],
    shown: 'PageDown, Space',
    meaning: 'one page down',
  },
  { command: 'first', keys: ['home', 'g'], shown: 'Home, g', meaning: 'to the first line' },
  { command: 'last', keys: ['end', 'G'], shown: 'End, G', meaning: 'to the last line' },
  {
    command: 'in',
    keys: ['right'],
    shown: '→, ←',
    meaning: 'into the files or a directory, and out again',
  },
  { command: 'out', keys: ['left'], shown: '', meaning: '' },
  { command: 'toggle', keys: ['enter'], shown: 'Enter', meaning: 'open or close, show a file' },
  {
    command: 'filter',
    keys: ['/'],
    shown: '/',
    meaning: 'show only what has a text in its name',
    short: '/ filter',
  },
  { command: 'clear', keys: ['escape'], shown: 'Esc', meaning: 'end the filter, close the pane' },
  {
    command: 'preview',
    keys: ['p'],
    shown: 'p',
    meaning: 'a preview of the chosen file, or none',
    short: 'p view',
  },
  {
    command: 'log',
    keys: ['l'],
    shown: 'l',
    meaning: 'follow the task’s log, or not',
    short: 'l log',
  },
  { command: 'open', keys: ['o'], shown: 'o', meaning: 'open on the desktop', short: 'o open' },
  { command: 'edit', keys: ['e'], shown: 'e', meaning: 'edit a live file', short: 'e edit' },
  { command: 'copy', keys: ['y'], shown: 'y', meaning: 'copy the path', short: 'y copy' },
  {
    command: 'pause',
    keys: ['z'],
    shown: 'z',
    meaning: 'pause the task, or resume it',
    short: 'z pause',
  },
  { command: 'cancel', keys: ['c'], shown: 'c', meaning: 'cancel the task', short: 'c cancel' },
  {
    command: 'next-pane',
    keys: ['tab'],
    shown: 'Tab, Shift-Tab',
    meaning: 'to the next pane, the previous one',
    short: 'Tab pane',
  },
  { command: 'previous-pane', keys: ['back-tab'], shown: '', meaning: '' },
  { command: 'suspend', keys: ['ctrl-z'], shown: 'Ctrl-Z', meaning: 'to the shell; fg comes back' },
  { command: 'redraw', keys: ['ctrl-l'], shown: 'Ctrl-L', meaning: 'draw everything again' },
];

const BY_KEY: ReadonlyMap<string, Command> = new Map(
  BINDINGS.flatMap(({ command, keys }) => keys.map((key) => [key, command] as const)),
);

/** What a key asks for; undefined where it is none. */
export const commandOf = (key: string): Command | undefined => BY_KEY.get(key);

/** The keys for the last line, the most important ones first. */
export const SHORT_HELP: readonly string[] = BINDINGS.flatMap(({ short }) => short ?? []);

/** All keys, each with what it does. */
export const HELP: readonly (readonly [keys: string, meaning: string])[] = BINDINGS.filter(
  ({ shown }) => shown !== '',
).map(({ shown, meaning }) => [shown, meaning] as const);
