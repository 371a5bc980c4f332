import { execFile } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newLaunch } from './engine-run.ts';
import { temporaryDirectory } from './temporary.ts';

const NOBODY = 65534;
/** The group that may use the engine's socket. */
const engineGroup = (): number =>
  statSync((process.env.DOCKER_HOST ?? '').replace('unix://', '')).gid;
const program = join(import.meta.dirname, 'engine-program.ts');

/**
 * A container of a plain user leaves files of other users, one of them behind a directory that
 * nobody may search, and a link out. Returns the owners of the files once its run was removed.
 */
export async function leaveForeignFiles(engine: string, image: string): Promise<number[]> {
  const directory = temporaryDirectory();
  const paths = { staging: join(directory, 'staging/task'), scratch: join(directory, 'scratch') };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true, mode: 0o777 });
  const execute = promisify(execFile);
  await execute('chown', ['-R', `${NOBODY}:${NOBODY}`, directory]);
  const script =
    'cd /artifacts; mkdir -p d/e; echo x > d/e/f; chown -R 4242 d; chmod 0000 d/e; ' +
    'ln -s /etc/passwd link';
  const launch = newLaunch(['sh', '-c', script], { image, options: { user: '0:0' }, ...paths });
  await execute(
    'setpriv',
    [
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      `--groups=${engineGroup()}`,
      process.execPath,
      program,
    ],
    { env: { ...process.env, ENGINE: engine, LAUNCH: JSON.stringify(launch), HOME: directory } },
  );
  return ['d', 'd/e', 'd/e/f'].map((path) => statSync(join(paths.staging, path)).uid);
}
