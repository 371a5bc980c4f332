import { type Recovery, recover } from '../../runner/index.ts';
import { cliMain } from '../cli-main.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';

export const command = defineCommand({
  examples: [['taskfs recover', 'Finish all tasks that were cut short, and seal what was kept']],
  about:
    'Tasks whose supervisor died are followed again where they still run, and ended and sealed ' +
    'otherwise. Tasks whose sealing failed are sealed now.',
  build: (parser) =>
    parser.option('json', { type: 'boolean', default: false, describe: 'Print a JSON array' }),
  run: async ({ options }) => {
    const recoveries = await recover(openStoreOf(options), { cliMain, scope: 'all', say });
    if (options.json) await printJson(recoveries);
    else await tell(recoveries);
    return recoveries.every(({ error }) => error === null) ? EXIT.ok : EXIT.failed;
  },
});

async function tell(recoveries: readonly Recovery[]): Promise<void> {
  for (const { task, outcome, error } of recoveries) {
    await printLine(error === null ? `${task}: ${outcome}` : `${task}: ${outcome}: ${error}`);
  }
  if (recoveries.length === 0) say('Nothing was cut short.');
}
