import type { Store } from '../store/index.ts';

/** The file system type of our mounts, as mountinfo shows it: `fuse.` and the subtype. */
export const SUBTYPE = 'taskfs';

/** The subtype of the mount of archive/ inside of it; see src/fuse/serve.ts. */
export const ARCHIVE_SUBTYPE = `${SUBTYPE}-archive`;
/** Where that is, in the mount. */
export const ARCHIVE_DIRECTORY = 'archive';
/** Where tasks that run are, in the mount. */
export const LIVE_DIRECTORY = 'live';

/** The source (fsname) of a mount: which store it shows, without what splits mount options. */
export function mountSource(store: Store): string {
  return `${SUBTYPE}:${encodeURI(store.path).replaceAll(',', '%2C')}`;
}

/** The path of the store behind a mount's source, or undefined where the mount is none of ours. */
export function storeOfSource(source: string): string | undefined {
  const prefix = `${SUBTYPE}:`;
  if (!source.startsWith(prefix)) return undefined;
  try {
    return decodeURIComponent(source.slice(prefix.length));
  } catch {
    // Anybody may give a mount a source that begins as ours do.
    return undefined;
  }
}
