import { TaskfsError } from '../../errors.ts';
import {
  installService,
  removeService,
  type ServiceStatus,
  serviceStatus,
} from '../../service/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';

const ACTIONS = ['install', 'remove', 'status'] as const;

export const command = defineCommand({
  examples: [
    ['taskfs service install ~/tasks', 'Mount there now, and at each log-in'],
    ['taskfs service status', 'Whether it is installed, and mounted'],
    ['taskfs service remove', 'Unmount, and do not mount any more'],
    ['taskfs service install ~/tasks --no-start', 'Only write the unit'],
  ],
  about:
    'A unit of your systemd (systemctl --user). Its server is restarted if it dies. To ' +
    "mount before you log in: 'loginctl enable-linger'. If a passphrase protects the " +
    'identity, archives stay closed: nobody is there to be asked.',
  build: (parser) =>
    parser
      .positional('action', {
        choices: ACTIONS,
        default: 'status' as const,
        describe: 'What to do: install, remove or status',
      })
      .positional('directory', { type: 'string', describe: 'Where to mount' })
      .option('start', {
        type: 'boolean',
        default: true,
        describe: 'Have systemd load it; --no-start only writes or removes the unit',
      })
      .option('json', json()),
  run: async ({ options }) => {
    const { action, start, directory } = options;
    if (action === 'status') return show(await serviceStatus(), options.json);
    if (action === 'remove') {
      await removeService({ start });
      return EXIT.ok;
    }
    const mountpoint = required(directory);
    const store = await openOrMakeStore(options);
    const { unit } = await installService(store, mountpoint, { start });
    await printLine(`${unit}`);
    return EXIT.ok;
  },
});

function required(directory: string | undefined): string {
  if (directory !== undefined) return directory;
  throw new TaskfsError('usage', "'taskfs service install' needs to know where to mount", {
    hint: "Name a directory: 'taskfs service install ~/tasks'.",
  });
}

async function show(status: ServiceStatus, asJson: boolean): Promise<number> {
  const { unit, mountpoint, state } = status;
  if (asJson) await printJson(status);
  else if (unit === null) say("Nothing is installed: 'taskfs service install DIRECTORY' does.");
  else await printLine(`${mountpoint}: ${state}`);
  if (!asJson && state === 'unknown') {
    say("No systemd of yours answers: 'systemctl --user status' says why.");
  }
  return state === 'active' ? EXIT.ok : EXIT.notFound;
}
