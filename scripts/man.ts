/**
 * Writes the manual pages, taskfs(1) and one for each verb, into dist/man, from what --help is made
 * of: the table of verbs, and each verb's examples, words and options.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import type { Command } from '../src/cli/command.ts';
import { createParser, usageOf } from '../src/cli/verb-parser.ts';
import { groups, type Verb, verbs } from '../src/cli/verbs.ts';

const directory = join(import.meta.dirname, '../dist/man');

/** Text in roff(7): no character of it begins a request or an escape. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const heading = (name: string, summary: string): string[] => [
  `.TH ${name.toUpperCase()} 1 "" "taskfs ${manifest.version}" "User Commands"`,
  '.SH NAME',
  `${roff(name)} \\- ${roff(summary)}`,
];

const tagged = (tag: string, text: string): string[] => ['.TP', `.B ${roff(tag)}`, roff(text)];

const FIRST_STEPS: readonly (readonly [string, string])[] = [
  ['taskfs run -- npm test', 'Run a command as a task'],
  ['taskfs mount ~/tasks', 'Show the files of all tasks there'],
  ['taskfs ps -a', 'List all tasks'],
];

function overview(): string[] {
  return [
    ...heading('taskfs', manifest.description),
    '.SH SYNOPSIS',
    '.B taskfs',
    '.I VERB',
    '[\\fIoptions\\fR] [\\fIarguments\\fR]',
    '.SH EXAMPLES',
    ...FIRST_STEPS.flatMap(([line, meaning]) => tagged(line, `${meaning}.`)),
    ...groups.flatMap(({ title, verbs: own }) => [
      `.SH ${roff(title.toUpperCase())}`,
      ...own.flatMap(({ name, arguments: args, summary }) =>
        tagged(`${name} ${args}`.trim(), `${summary}. See taskfs-${name}(1).`),
      ),
    ]),
    '.SH ENVIRONMENT',
    ...tagged('TASKFS_STORE', 'The store, where --store names none.'),
    ...tagged('TASKFS_IDENTITY', 'A file with age identities that open archives.'),
    '.SH SEE ALSO',
    roff('age(1), tar(1), fusermount3(1)'),
  ];
}

/** A line of an option as yargs writes it: names, words, and its type in brackets. */
const OPTION = /^\s+(?<names>-\S.*?)\s{2,}(?<words>.*?)\s*(?<type>\[.*\])?$/;

async function page(verb: Verb, command: Command): Promise<string[]> {
  const parser = (await createParser(verb)).wrap(null as never);
  command.attach(parser, usageOf(verb), [], () => {});
  const options = (await parser.getHelp()).split('\n').flatMap((line) => {
    const { names, words } = OPTION.exec(line)?.groups ?? {};
    return names === undefined || words === undefined ? [] : tagged(names, `${words}.`);
  });
  return [
    ...heading(`taskfs-${verb.name}`, verb.summary.toLowerCase()),
    '.SH SYNOPSIS',
    `.B taskfs ${roff(verb.name)}`,
    roff(`[options] ${verb.arguments}`.trim()),
    ...(command.about ? ['.SH DESCRIPTION', roff(command.about)] : []),
    '.SH OPTIONS',
    ...options,
    '.SH EXAMPLES',
    ...command.examples.flatMap(([line, meaning]) => tagged(line, `${meaning}.`)),
    '.SH SEE ALSO',
    'taskfs(1)',
  ];
}

function write(name: string, lines: readonly string[]): void {
  writeFileSync(join(directory, `${name}.1`), `${lines.join('\n')}\n`);
}

rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true });
write('taskfs', overview());
for (const verb of verbs) {
  const { command } = await verb.load();
  write(`taskfs-${verb.name}`, await page(verb, command));
}
