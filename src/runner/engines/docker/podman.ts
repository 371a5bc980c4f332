import { existsSync } from 'node:fs';
import { TaskfsError } from '../../../errors.ts';
import { isPath, type Volume } from '../container/options.ts';
import type { Endpoint } from './endpoint.ts';
import { UNSEEN_HINT } from './failure.ts';

/**
 * Podman makes a directory of a mount source that is not there, where Docker refuses it; Docker
 * makes one too of a source that is to get a label. Only an
 * engine of this machine sees what is looked at here. Throws `usage`.
 */
export function assertSources({ host }: Endpoint, volumes: readonly Volume[]): void {
  if (!host.startsWith('unix://')) return;
  const missing = volumes.find(({ source }) => isPath(source) && !existsSync(source));
  if (!missing) return;
  throw new TaskfsError(
    'usage',
    `the engine does not see ${missing.source}, which was to be mounted`,
    {
      hint: UNSEEN_HINT,
    },
  );
}
