import {
  listTasks,
  loadIdentities,
  openStore,
  parseTaskName,
  readGroups,
  type Store,
  storePath,
} from '../../store/index.ts';
import { defineCommand } from '../command.ts';
import { printLine } from '../output.ts';
import { optionsOfVerb } from '../verb-parser.ts';
import { findVerb, type Verb, verbs } from '../verbs.ts';

/** What the shell's completion asks: after -- come the words so far, the unfinished one last. */
export const command = defineCommand({
  examples: [["taskfs complete -- status ''", 'What may come next']],
  about: "For the script of 'taskfs completion': not for people.",
  build: (parser) => parser,
  run: async ({ rest }) => {
    const unfinished = rest.at(-1) ?? '';
    for (const candidate of await candidatesFor(rest.slice(0, -1), unfinished)) {
      if (candidate.startsWith(unfinished)) await printLine(candidate);
    }
    return 0;
  },
});

async function candidatesFor(before: readonly string[], unfinished: string): Promise<string[]> {
  const verb = before.map(findVerb).find((found) => found !== undefined);
  if (!verb) return verbs.map(({ name }) => name);
  if (before.includes('--')) return [];
  const values = await valuesOf(verb, before.at(-1));
  if (values.length > 0) return [...values];
  if (unfinished.startsWith('-')) return optionNames(verb);
  if (before.at(-1) === '--after') return taskNames(before);
  if (namesGroup(verb, before)) return groupNames(before);
  if (verb.name === 'cp') return copyEnds(before, unfinished);
  if (takesTask(verb, before)) return taskNames(before);
  const task = pathOwner(verb, before);
  return task === undefined ? [] : pathsOf(task, before, unfinished);
}

/** What may stand for either end of a copy, besides files of this machine: `TASK:` and a path. */
async function copyEnds(before: readonly string[], unfinished: string): Promise<string[]> {
  const [task = '', ...path] = unfinished.split(':');
  if (path.length === 0) return taskNames(before).map((name) => `${name}:`);
  const paths = await pathsOf(task, before, path.join(':'));
  return paths.map((each) => `${task}:${each}`);
}

async function optionNames(verb: Verb): Promise<string[]> {
  const names = [...(await optionsOfVerb(verb)).keys()];
  return names.filter((name) => name.length > 1).map((name) => `--${name}`);
}

/** The values that the option takes which was typed last, where these are few. */
async function valuesOf(verb: Verb, last = ''): Promise<readonly string[]> {
  if (!last.startsWith('-')) return [];
  return (await optionsOfVerb(verb)).get(last.replace(/^--?/, '')) ?? [];
}

/**
 * Whether a task's name comes next: as the first word after the verb, or any where it takes
 * several.
 */
function takesTask(verb: Verb, before: readonly string[]): boolean {
  if (!/^[<[]task/.test(verb.arguments)) return false;
  return wordsAfter(verb, before).length === 0 || verb.arguments.includes('task..');
}

function namesGroup(verb: Verb, before: readonly string[]): boolean {
  return (
    before.at(-1) === '--group' || (verb.name === 'group' && wordsAfter(verb, before).length === 1)
  );
}

/** The task whose path comes next. */
function pathOwner(verb: Verb, before: readonly string[]): string | undefined {
  const words = wordsAfter(verb, before);
  return /^[<[]task[>\]] [<[]path[>\]]/.test(verb.arguments) && words.length === 1
    ? words[0]
    : undefined;
}

const wordsAfter = (verb: Verb, before: readonly string[]): string[] =>
  before.slice(before.indexOf(verb.name) + 1).filter((word) => !word.startsWith('-'));

/** Paths in a task's files, live or archived, in the directory that is being typed. */
async function pathsOf(
  task: string,
  before: readonly string[],
  unfinished: string,
): Promise<string[]> {
  const directory = unfinished.slice(0, unfinished.lastIndexOf('/') + 1);
  try {
    const store = storeOf(before);
    const { openTree } = await import('../../artifacts/index.ts');
    // Without a passphrase: nobody can be asked for one here.
    using tree = await openTree(store, parseTaskName(task), () => loadIdentities(store));
    using node = tree.find(directory, 'follow');
    return [...node.list()].map(
      ({ name, type }) => `${directory}${name}${type === 'directory' ? '/' : ''}`,
    );
  } catch {
    // The verb itself will say what is wrong.
    return [];
  }
}

function groupNames(before: readonly string[]): string[] {
  try {
    return Object.keys(readGroups(storeOf(before)));
  } catch {
    return [];
  }
}

function taskNames(before: readonly string[]): string[] {
  try {
    return listTasks(storeOf(before));
  } catch {
    // No store, no tasks; the verb itself will say so.
    return [];
  }
}

function storeOf(before: readonly string[]): Store {
  const at = before.indexOf('--store');
  return openStore(storePath(at === -1 ? undefined : before[at + 1]));
}
