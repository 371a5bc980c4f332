import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, TaskfsError } from '../../errors.ts';
import { absoluteTextPath } from '../../store/index.ts';
import { json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { openOrMakeStore } from '../open-store.ts';
import { printJson, printLine, say } from '../output.ts';
import { installedMountpoint, UNIT, unitPath, unitText } from '../service-unit.ts';

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
    "mount before you log in: 'loginctl enable-linger'. An identity with a passphrase " +
    'cannot be asked for: archives stay closed then.',
  build: (parser) =>
    parser
      .positional('action', {
        choices: ACTIONS,
        demandOption: true,
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
    if (action === 'status') return status(options.json);
    if (action === 'remove') {
      await remove(start);
      return EXIT.ok;
    }
    const mountpoint = absoluteTextPath(required(directory), 'the directory');
    const store = await openOrMakeStore(options);
    const path = unitPath();
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, unitText({ store: store.path, mountpoint }));
    if (start) await tellSystemd(['enable', '--now', UNIT]);
    await printLine(path);
    return EXIT.ok;
  },
});

function required(directory: string | undefined): string {
  if (directory !== undefined) return directory;
  throw new TaskfsError('usage', "'taskfs service install' needs to know where to mount", {
    hint: "Name a directory: 'taskfs service install ~/tasks'.",
  });
}

async function remove(start: boolean): Promise<void> {
  const path = unitPath();
  if (!existsSync(path)) {
    throw new TaskfsError('not-found', `there is no ${path}`, { hint: 'Nothing is installed.' });
  }
  if (start) await tellSystemd(['disable', '--now', UNIT]);
  rmSync(path);
  if (start) await systemctl('daemon-reload');
}

async function tellSystemd(args: readonly string[]): Promise<void> {
  try {
    await systemctl('daemon-reload');
    await systemctl(...args);
  } catch (cause) {
    throw new TaskfsError('failed', `systemctl failed: ${messageOf(cause)}`, {
      hint: `'systemctl --user status ${UNIT}' may say why; --no-start does without.`,
      cause,
    });
  }
}

const systemctl = (...args: readonly string[]) =>
  promisify(execFile)('systemctl', ['--user', ...args]);

async function status(asJson: boolean): Promise<number> {
  const path = unitPath();
  const isInstalled = existsSync(path);
  const state = isInstalled ? await stateOf() : null;
  const mountpoint = installedMountpoint() ?? null;
  if (asJson) await printJson({ unit: isInstalled ? path : null, mountpoint, state });
  else if (!isInstalled) say("Nothing is installed: 'taskfs service install DIRECTORY' does.");
  else await printLine(`${mountpoint}: ${state}`);
  return isInstalled && state === 'active' ? EXIT.ok : EXIT.notFound;
}

/** As systemctl says it: active, failed, inactive; `unknown` where there is no systemd. */
async function stateOf(): Promise<string> {
  const answer = await systemctl('is-active', UNIT).catch((error: { stdout?: string }) => error);
  return answer.stdout?.trim() || 'unknown';
}
