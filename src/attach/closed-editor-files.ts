import { closeSync, constants, openSync } from 'node:fs';
import { basename, join } from 'node:path';
import { unlessRefused } from '../errno.ts';
import { latin1Of } from '../latin1.ts';
import { LIVE_DIRECTORY } from '../mount/index.ts';
import {
  asideName,
  EDITOR_FILE_XATTR,
  isEditorFileName,
  isTaskName,
  type Store,
} from '../store/index.ts';
import {
  ClosedAfterWriting,
  O_PATH,
  openAt2,
  RESOLVE,
  readlinkAt,
  type Stat,
  setXattr,
  statFd,
} from '../sys/index.ts';

/** How often (milliseconds) to look at what was written. */
const LOOK_MS = 2000;
/** How long (nanoseconds) an editor may take from one step of a save to the next. */
const STEP_NS = 1_000_000_000n;
/** Whoever writes more files between two looks is no editor: their backups are not looked for. */
const SAVES = 256;

const BENEATH = RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_XDEV;

/**
 * Marks files that editors made for themselves where staging is attached, so that sealing passes
 * over them. Who makes a name there nobody sees, but the kernel says which files are written
 * through these mounts, and a task writes through none of them. So an editor's is a file under
 * such a name that is new and was written here; and the older file `x~` whose name was changed at
 * the moment when a new `x` was made and written here, since that is how backups are made.
 */
export class ClosedEditorFiles {
  private readonly store: Store;
  private readonly live: string;
  private readonly written = new ClosedAfterWriting();
  private readonly timer: NodeJS.Timeout;
  private lookedAtNs = nowNs();

  /** Throws Errno where the kernel does not tell. */
  constructor(store: Store, mountpoint: string) {
    this.store = store;
    this.live = `${join(mountpoint, LIVE_DIRECTORY)}/`;
    this.timer = setInterval(() => this.mark(), LOOK_MS).unref();
  }

  /** Looks at what is written through this mount. */
  add(mount: number): void {
    this.written.add(mount);
  }

  /** Marks what was closed since the last time; to be called before a task is detached. */
  mark(): void {
    const since = this.lookedAtNs - STEP_NS;
    this.lookedAtNs = nowNs();
    let saves = 0;
    this.written.take((fd) => {
      const path = this.pathOf(fd);
      const state = statFd(fd);
      if (path === undefined || state.btimeNs < since) return;
      if (isEditorFileName(nameOf(path))) this.markAt(path, ({ ino }) => ino === state.ino);
      else if (++saves <= SAVES) this.markAt(`${path}~`, (older) => isBackup(older, state));
    });
  }

  /** From live/ on, raw bytes as latin1; undefined for what is nowhere in it. */
  private pathOf(fd: number): string | undefined {
    const path = latin1Of(readlinkAt(-1, `/proc/self/fd/${fd}`));
    return path.startsWith(this.live) ? path.slice(this.live.length) : undefined;
  }

  /** Not by the path in the mount: this process serves that. */
  private markAt(path: string, isMeant: (found: Stat) => boolean): void {
    const [task = '', ...rest] = path.split('/');
    if (!isTaskName(task)) return;
    const staging = openSync(this.store.staging, O_PATH | constants.O_DIRECTORY);
    try {
      for (const name of [task, asideName(task)]) {
        markIn(staging, Buffer.from([name, ...rest].join('/'), 'latin1'), isMeant);
      }
    } finally {
      closeSync(staging);
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.written.close();
  }
}

function markIn(staging: number, path: Buffer, isMeant: (found: Stat) => boolean): void {
  const flags = O_PATH | constants.O_NOFOLLOW;
  unlessRefused(() => {
    const fd = openAt2(staging, path, flags, BENEATH);
    try {
      if (isMeant(statFd(fd))) setXattr(fd, EDITOR_FILE_XATTR, Buffer.from('1'));
    } finally {
      closeSync(fd);
    }
  });
}

function isBackup(older: Stat, made: Stat): boolean {
  const apartNs = made.btimeNs - older.ctimeNs;
  return older.ino !== made.ino && apartNs < STEP_NS && apartNs > -STEP_NS;
}

const nameOf = (path: string): Uint8Array => Buffer.from(basename(path), 'latin1');
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
