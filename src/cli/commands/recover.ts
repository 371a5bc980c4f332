import { type Recovery, recover } from '../../runner/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';

export const command = defineCommand({
  examples: [
    ['taskfs recover', 'Finish all tasks that were interrupted, and seal what was kept'],
    ['taskfs recover --machine-gone old', 'Also those of a machine that will never come back'],
  ],
  about:
    'Tasks whose supervisor died are followed again if they still run, and ended and sealed ' +
    'otherwise. Tasks whose sealing failed are sealed now. Those that another machine ' +
    'supervises are left alone.',
  build: (parser) =>
    parser
      .option('machine-gone', {
        type: 'string',
        requiresArg: true,
        describe: 'Also tasks supervised by the machine of this name, which will never come back',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const goneMachine = options['machine-gone'];
    const recoveries = await recover(openStoreOf(options), {
      scope: 'all',
      say,
      goneMachine,
    });
    if (options.json) await printJson(recoveries);
    else await printRecoveries(recoveries);
    return recoveries.every(({ error }) => error === null) ? EXIT.ok : EXIT.failed;
  },
});

async function printRecoveries(recoveries: readonly Recovery[]): Promise<void> {
  for (const { task, outcome, error, supervisor } of recoveries) {
    const why = error ?? (supervisor && `left alone: supervised by ${supervisor}`);
    await printLine(why ? `${task}: ${outcome}: ${why}` : `${task}: ${outcome}`);
  }
  const isElsewhere = recoveries.some(({ outcome }) => outcome === 'elsewhere');
  if (isElsewhere) say("If that machine is gone for good: 'taskfs recover --machine-gone NAME'.");
  if (recoveries.length === 0) say('Nothing was interrupted.');
}
