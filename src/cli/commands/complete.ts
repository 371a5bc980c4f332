import { listTasks, openStore, storePath } from '../../store/index.ts';
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
  if (unfinished.startsWith('-')) return optionNames(verb);
  return takesTask(verb, before) ? taskNames(before) : [];
}

async function optionNames(verb: Verb): Promise<string[]> {
  const names = await optionsOfVerb(verb);
  return names.filter((name) => name.length > 1).map((name) => `--${name}`);
}

/**
 * Whether a task's name comes next: as the first word after the verb, or any where it takes
 * several.
 */
function takesTask(verb: Verb, before: readonly string[]): boolean {
  if (!/^[<[]task/.test(verb.arguments)) return false;
  const words = before.slice(before.indexOf(verb.name) + 1).filter((word) => !word.startsWith('-'));
  return words.length === 0 || verb.arguments.includes('task..');
}

function taskNames(before: readonly string[]): string[] {
  const at = before.indexOf('--store');
  try {
    return listTasks(openStore(storePath(at === -1 ? undefined : before[at + 1])));
  } catch {
    // No store, no tasks; the verb itself will say so.
    return [];
  }
}
