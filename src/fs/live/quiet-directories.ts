import { Errno, IN, Inotify } from '../../sys/index.ts';
import type { Directories } from './directories.ts';
import { type Inode, nameText } from './inode.ts';

/** A directory in which nothing changed for so long (milliseconds) is quiet. */
const QUIET_MS = 1500;
/** For how long (milliseconds) the kernel may believe what it was told of names in quiet directories. */
const LENT_MS = 30_000;
/** Each watch pins an inode in the kernel, and a user has a limited number of them. */
const WATCH_LIMIT = 16384;

const CHANGES =
  IN.MODIFY | IN.ATTRIB | IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE | IN.ONLYDIR;
/** The directory cannot be watched: it is never quiet. */
const UNWATCHED = -1;

/** A name that changed in some way; no directory: anything may have. */
export interface QuietChange {
  readonly directory: Inode | undefined;
  readonly name: Buffer;
}

interface Watch {
  readonly id: number;
  /** When it last changed, or the watch began. */
  changedAt: number;
  /** Names whose end was reported since they were last lent. */
  readonly reported: Set<string>;
}

/**
 * Which live directories are left alone, by whomever. There the kernel may keep names and attributes
 * for a while, because a change made beneath is heard of (inotify) and reported; where files change
 * now, nothing is lent and every stat(2) asks. A directory counts as busy until it was watched for a
 * while, so that whoever works in it from both sides at once never sees what is old.
 */
export class QuietDirectories {
  private readonly inotify = new Inotify();
  private readonly directories: Directories;
  private readonly watches = new Map<Inode, Watch>();
  private readonly byId = new Map<number, Inode>();

  constructor(directories: Directories) {
    this.directories = directories;
  }

  /** Readable when `take` has something to say. */
  get fd(): number {
    return this.inotify.fd;
  }

  /** How long names in a directory, and its own attributes, may be believed now; 0 while it is busy. */
  lendMs(directory: Inode): number {
    const watch = this.watches.get(directory) ?? this.begin(directory);
    if (!watch || watch.id === UNWATCHED || Date.now() - watch.changedAt < QUIET_MS) return 0;
    if (watch.reported.size > 0) watch.reported.clear();
    return LENT_MS;
  }

  /** What changed since the last call. */
  take(): QuietChange[] {
    const changes: QuietChange[] = [];
    for (const { watch: id, mask, name } of this.inotify.take()) {
      if (mask & IN.Q_OVERFLOW) return this.everything();
      const directory = this.byId.get(id);
      const watch = directory && this.watches.get(directory);
      if (!watch) continue;
      if (mask & IN.IGNORED) this.end(directory);
      else this.note(directory, watch, name, changes);
    }
    return changes;
  }

  private note(directory: Inode, watch: Watch, name: Buffer, changes: QuietChange[]): void {
    watch.changedAt = Date.now();
    const text = nameText(name);
    if (watch.reported.has(text)) return;
    watch.reported.add(text);
    changes.push({ directory, name });
  }

  private everything(): QuietChange[] {
    for (const watch of this.watches.values()) watch.changedAt = Date.now();
    return [{ directory: undefined, name: Buffer.alloc(0) }];
  }

  private begin(directory: Inode): Watch | undefined {
    if (this.watches.size >= WATCH_LIMIT) return undefined;
    const id = this.addWatch(directory);
    const watch: Watch = { id, changedAt: Date.now(), reported: new Set() };
    this.watches.set(directory, watch);
    if (id !== UNWATCHED) this.byId.set(id, directory);
    return watch;
  }

  private addWatch(directory: Inode): number {
    try {
      const fd = this.directories.descriptor(directory);
      return this.inotify.add(`/proc/self/fd/${fd}`, CHANGES);
    } catch (error) {
      if (error instanceof Errno) return UNWATCHED;
      throw error;
    }
  }

  /** The kernel forgot the directory. */
  end(directory: Inode): void {
    const watch = this.watches.get(directory);
    if (!watch) return;
    this.watches.delete(directory);
    if (watch.id === UNWATCHED) return;
    this.byId.delete(watch.id);
    this.inotify.remove(watch.id);
  }

  close(): void {
    this.inotify.close();
  }
}
