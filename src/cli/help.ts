import type { Command, Example } from './command.ts';
import { print, printLine } from './output.ts';
import { groups, type Verb } from './verbs.ts';

const examples: readonly Example[] = [
  ['taskfs mount ~/tasks', 'Show the files of all tasks there'],
  ['taskfs run -- npm test', 'Run a command as a task'],
  ['taskfs run --image node:24 -- npm test', 'The same in a container'],
  ['taskfs ps -a', 'List all tasks'],
];

/** The help of taskfs itself: written here, for it must not load any verb. */
export async function printHelp(): Promise<void> {
  const rows = groups.map(({ title, verbs }) => `${title}:\n${align(verbs.map(verbRow))}`);
  await print(
    [
      'taskfs shows the files of running and of sealed tasks in one mount.',
      `Examples:\n${align(examples)}`,
      ...rows,
      `Everywhere:\n${align([
        ['--store DIR', 'The store; else $TASKFS_STORE, else the user’s data directory'],
        ['--json', 'JSON from every verb that lists or reports'],
        ['--utc', 'Times in UTC, not in your time zone; --json always has UTC'],
        ['--debug', 'Show where errors come from'],
        ['--help, --version', 'Help, also of a verb; the version'],
      ])}`,
      '',
    ].join('\n\n'),
  );
}

const verbRow = (verb: Verb): Example => [`${verb.name} ${verb.arguments}`.trim(), verb.summary];

/** The help of a verb, examples first; `options` is what yargs writes of them. */
export async function printVerbHelp(verb: Verb, command: Command, options: string): Promise<void> {
  const usage = `taskfs ${verb.name} [options] ${verb.arguments}`.trim();
  const parts = [`Examples:\n${align(command.examples)}`, `Usage: ${usage}`];
  if (command.about) parts.push(wrap(command.about, Math.min(helpWidth(), 90)).join('\n'));
  await print(`${[...parts, options.trim()].join('\n\n')}\n`);
}

/** How wide help may be, in columns: as the terminal, within what reads well. */
export const helpWidth = (): number => Math.min(process.stdout.columns || 100, 100);

/** A text in lines of so many columns, but for longer words. */
function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** The second column is at least so wide; else what it says is below the first. */
const LEAST_WIDTH = 30;

/** Two columns, the second one wrapped. */
function align(rows: readonly Example[]): string {
  const widest = Math.max(...rows.map(([left]) => left.length));
  const indent = widest + 4;
  const isNarrow = helpWidth() - indent < LEAST_WIDTH;
  const start = isNarrow ? 6 : indent;
  return rows
    .map(([left, right]) => {
      const text = wrap(right, helpWidth() - start).join(`\n${' '.repeat(start)}`);
      return isNarrow ? `  ${left}\n      ${text}` : `  ${left.padEnd(widest)}  ${text}`;
    })
    .join('\n');
}

export async function printVersion(): Promise<void> {
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
  await printLine(manifest.version);
}
