import { Errno, errno } from '../errno.ts';
import { statusXattrs } from '../fs/index.ts';
import { latin1Of } from '../latin1.ts';
import { isOwnXattr, OWN_XATTR_PREFIX, type TaskRecord } from '../store/index.ts';
import { getXattr, listXattr, removeXattr, setXattr } from '../sys/index.ts';

/**
 * Puts a task's status on its staging directory itself, where nobody asks the server for it; also
 * again where a copy has brought that of another task. `staging` is the directory's descriptor.
 */
export function showStatus(staging: number, record: TaskRecord): void {
  const status = statusXattrs(record, 'live');
  for (const name of listXattr(staging).filter(isOwnXattr)) {
    if (!status.has(latin1Of(name).slice(OWN_XATTR_PREFIX.length))) removeXattr(staging, name);
  }
  for (const [key, value] of status) {
    const name = OWN_XATTR_PREFIX + key;
    if (shown(staging, name) !== value) setXattr(staging, name, Buffer.from(value));
  }
}

function shown(staging: number, name: string): string | undefined {
  try {
    return getXattr(staging, name).toString();
  } catch (error) {
    if (error instanceof Errno && error.errno === errno.ENODATA) return undefined;
    throw error;
  }
}
