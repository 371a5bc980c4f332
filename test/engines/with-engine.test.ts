import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeWithEngine } from '../support/engine.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);
const script = join(import.meta.dirname, '../../scripts/with-engine');

/** The environment of somebody who has no engine yet. */
function outside(): NodeJS.ProcessEnv {
  const { TASKFS_TEST_ENGINE: _, DOCKER_HOST: __, ...env } = process.env;
  return env;
}

async function isRunning(directory: string): Promise<boolean> {
  const { stdout } = await execute('ps', ['-eo', 'args']);
  return stdout.includes(directory);
}

describeWithEngine('scripts/with-engine', ({ directory }) => {
  it('ends as its command, and leaves nothing of the engine', async () => {
    const command = 'docker run --rm busybox echo in >&2 && echo "$TASKFS_TEST_ENGINE"; exit 7';
    const ended = await execute(script, ['sh', '-c', command], { env: outside() }).catch((e) => e);
    expect(ended).toMatchObject({ code: 7, stderr: 'in\n' });
    const own = ended.stdout.trim();
    expect(own).not.toBe(directory);
    expect(existsSync(own)).toBe(false);
    expect(await isRunning(own)).toBe(false);
  });

  it.for(['SIGTERM', 'SIGKILL'] as const)(
    'leaves nothing of it after %s either',
    async (signal) => {
      const child = spawn(script, ['sh', '-c', 'echo "$TASKFS_TEST_ENGINE"; exec sleep 1000'], {
        env: outside(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const own = line.toString().trim();
      expect(await isRunning(own)).toBe(true);
      child.kill(signal);
      await until('the directory is gone', () => !existsSync(own));
      await until('its processes are gone', async () => !(await isRunning(own)));
    },
  );

  it('lets nobody use it but root, or its own user, and one group', async () => {
    const { stdout } = await execute('stat', ['-c', '%a', `${directory}/docker.sock`]);
    expect(stdout).toBe('660\n');
  });

  it('starts no second engine inside of another', async () => {
    const { stdout } = await execute(script, ['sh', '-c', 'echo "$TASKFS_TEST_ENGINE"']);
    expect(stdout.trim()).toBe(directory);
  });
});

describe('scripts/with-engine', () => {
  it('says why there is no engine, with a status of its own', async () => {
    const bin = temporaryDirectory();
    for (const program of ['bash', 'dirname', 'uname', 'id']) {
      const { stdout } = await execute('which', [program]);
      symlinkSync(stdout.trim(), join(bin, program));
    }
    const ended = execute(script, ['true'], { env: { PATH: bin } });
    await expect(ended).rejects.toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/^with-engine: no engine: (dockerd is missing|only root can)/),
    });
  });
});
