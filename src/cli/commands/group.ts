import { TaskfsError } from '../../errors.ts';
import { type Group, listGroups, removeGroup, setGroup } from '../../runner/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openOrMakeStore, openStoreOf } from '../open-store.ts';
import { printJson, printLines } from '../output.ts';
import { paint, table, type Words } from '../styled-text.ts';
import { parseCount } from '../units.ts';

const ACTIONS = ['ls', 'set', 'rm'] as const;

export const command = defineCommand({
  examples: [
    ['taskfs group set gpu 2', 'Two tasks of this group run at once, the others wait'],
    ['taskfs run -d --group gpu -- ./train', 'A task of the group'],
    ['taskfs group', 'All groups: their limits, what runs and what waits'],
    ['taskfs group rm gpu', 'Remove a group that has no unfinished task'],
  ],
  about:
    'A group has a queue of its own: of the tasks that wait in it, the one with the highest ' +
    '--priority comes first, then the oldest. Lowering a limit stops no task that runs.',
  build: (parser) =>
    parser
      .positional('action', { choices: ACTIONS, default: 'ls' as const, describe: 'What to do' })
      .positional('group', { type: 'string', describe: 'The group; ls without one shows all' })
      .positional('limit', { type: 'string', describe: 'How many run at once, for set' })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const { action, group, limit } = options;
    if (action === 'set') {
      if (group === undefined || limit === undefined)
        throw incomplete('set', 'a group and its limit', 'gpu 2');
      const store = await openOrMakeStore(options);
      setGroup(store, group, parseCount('the limit', limit, 1));
      return 0;
    }
    const store = openStoreOf(options);
    if (action === 'rm') {
      if (group === undefined) throw incomplete('rm', 'a group', 'gpu');
      removeGroup(store, group);
      return 0;
    }
    const groups = listGroups(store).filter((each) => group === undefined || each.group === group);
    if (options.json) await printJson(groups);
    else await printLines(lines(groups));
    return 0;
  },
});

const incomplete = (action: string, what: string, example: string): TaskfsError =>
  new TaskfsError('usage', `'taskfs group ${action}' needs ${what}`, {
    hint: `As in 'taskfs group ${action} ${example}'.`,
  });

function lines(groups: readonly Group[]): Words[] {
  const head = ['GROUP', 'LIMIT', 'RUNNING', 'WAITING'].map((title) => paint('dim', title));
  const rows = groups.map(({ group, ...counts }) => [
    group,
    ...[counts.limit, counts.running, counts.waiting].map(String),
  ]);
  return table([head, ...rows]);
}
