import { type AnchorState, anchorState } from '../../archive/index.ts';
import { writeAnchor } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { openStoreOf } from '../open-store.ts';
import { printJson, printLine } from '../output.ts';
import { table, type Words } from '../styled-text.ts';

export const command = defineCommand({
  examples: [
    ['taskfs anchor', 'Show what to keep elsewhere, and where new seals go'],
    ['taskfs anchor --file /mnt/other/seals.jsonl', 'Append each new seal to that file'],
    ["taskfs anchor --command 'ssh log tee -a seals.jsonl'", 'Pass each new seal to a command'],
    ['taskfs verify --signer HASH --last /mnt/other/seals.jsonl', 'Compare the store with it'],
  ],
  about:
    'Whoever can write the whole store can roll it back, or sign all of it with a new key, and ' +
    'nothing in the store shows it. The signer and the last seal show it, if kept elsewhere. ' +
    'The command gets one line of JSON on standard input; if it fails, the task is sealed all ' +
    'the same, with the event not-anchored.',
  build: (parser) =>
    parser
      .option('file', { type: 'string', requiresArg: true, describe: 'Append each new seal to it' })
      .option('command', {
        type: 'string',
        requiresArg: true,
        describe: 'A shell command that reads each new seal',
      })
      .option('off', { type: 'boolean', describe: 'Stop passing seals on' })
      .conflicts('file', ['command', 'off'])
      .conflicts('command', 'off')
      .option('json', json()),
  run: async ({ options }) => {
    const store = openStoreOf(options);
    const { file, command, off } = options;
    if (file !== undefined) writeAnchor(store, { file });
    if (command !== undefined) writeAnchor(store, { command });
    if (off) writeAnchor(store, undefined);
    const state = anchorState(store);
    if (options.json) await printJson(state);
    else for (const line of describe(state)) await printLine(line);
    return 0;
  },
});

function describe({ anchor, signer, last }: AnchorState): Words[] {
  const where = anchor === null ? 'none' : 'file' in anchor ? anchor.file : `| ${anchor.command}`;
  return table([
    ['anchor', where],
    ['signer', signer],
    ['last', last ?? 'nothing was sealed yet'],
  ]);
}
