import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { type Cli, finished, type Ran } from './cli.ts';
import { until } from './until.ts';

/** A live task that does what it is told, in a mount. */
export interface ToldTask {
  /** Its files in the mount, while it is live and afterwards. */
  readonly live: string;
  readonly archived: string;
  /** Has the task's shell do a line, in its files; does not wait until that is done. */
  does(line: string): Promise<void>;
  /** Ends the task, and waits until it is sealed. */
  end(): Promise<Ran>;
}

/** Of `unmount`, where somebody still uses it; 2 where nothing is mounted. */
const EXIT_BUSY = 1;

/** Mounts the store of a user on `mnt`, and starts the task `t`, which begins with some lines. */
export async function tellTask(cli: Cli, first: string): Promise<ToldTask> {
  const mountpoint = join(cli.base, 'mnt');
  const lines = join(cli.base, 'lines');
  expect(await cli.run('mount', mountpoint)).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('rror'),
  });
  onTestFinished(async () => {
    // Programs that were ended may take a moment to leave the mount.
    const leave = async () => (await cli.run('unmount', mountpoint)).code !== EXIT_BUSY;
    await until('all have left the mount', leave);
  });
  expect((await cli.script(`mkfifo ${lines}`)).code).toBe(0);
  const script = `cd "$TASKFS_ARTIFACTS"; ${first}; touch .started
    exec 3<> ${lines}; while read -r line <&3; do eval "$line"; done`;
  const ended = finished(cli.start('run', '--name', 't', '--', 'bash', '-c', script));
  await until('the task has started', () => existsSync(join(cli.store, 'staging/t/.started')));
  const does = async (line: string): Promise<void> => {
    const file = await open(lines, 'a');
    await file.write(`${line}\n`);
    await file.close();
  };
  return {
    live: join(mountpoint, 'live/t'),
    archived: join(mountpoint, 'archive/t'),
    does,
    end: async () => {
      await does('exit 0');
      return ended;
    },
  };
}
