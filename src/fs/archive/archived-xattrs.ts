import type { IndexEntry } from '../../archive/index.ts';
import type { TaskName, TaskRecord } from '../../store/index.ts';
import { OWN_XATTR_PREFIX, withoutOwnXattrs } from '../../store/index.ts';
import { statusXattrs } from '../status-xattrs.ts';

type Xattrs = ReadonlyMap<string, Buffer>;

/** The status of an archived task by its record; without one, what the mount itself knows. */
export function archivedStatus(task: TaskName, record: TaskRecord | undefined): Xattrs {
  const bare = new Map([
    ['task', task as string],
    ['mode', 'archived'],
  ]);
  return prefixed(record ? statusXattrs(record, 'archived') : bare);
}

/** What the index says of a file's content. */
export function contentXattrs({ sha256, mime }: IndexEntry): Xattrs {
  return prefixed(
    new Map(
      Object.entries({ sha256, mime }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    ),
  );
}

/** The attributes that the file had when it was sealed; their names as latin1. */
export function sealedXattrs(entry: IndexEntry): Xattrs {
  const xattrs = withoutOwnXattrs(entry.xattrs ?? []);
  return new Map(xattrs.map(([name, value]) => [name.toString('latin1'), value]));
}

function prefixed(values: ReadonlyMap<string, string>): Xattrs {
  return new Map([...values].map(([key, value]) => [OWN_XATTR_PREFIX + key, Buffer.from(value)]));
}
