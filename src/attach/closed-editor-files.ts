import { closeSync, constants, openSync } from 'node:fs';
import { unlessRefused } from '../errno.ts';
import { withPinned } from '../fs/index.ts';
import { isMarkedName, isTrashInfoName, markEditorFile, type Store } from '../store/index.ts';
import { ClosedAfterWriting, O_PATH, openAt, type Stat, statAt, statFd } from '../sys/index.ts';

/** How often (milliseconds) to look at what was written. */
const LOOK_MS = 2000;
/** How long (nanoseconds) an editor may take from one step of a save to the next. */
const STEP_NS = 1_000_000_000n;
/** Whoever writes more files between two looks is no editor: their backups are not looked for. */
const SAVES = 256;

/**
 * Marks files that editors made for themselves where staging is attached, so that sealing passes
 * over them. Who makes a name there nobody sees, but the kernel says which files are written
 * through these mounts, and a task writes through none of them. So an editor's is a file under
 * such a name that is new and was written here; and the older file `x~` whose name was changed at
 * the moment when a new `x` was made and written here, since that is how backups are made. The
 * trash is theirs where a description of what is in it was written here when it was new.
 */
export class ClosedEditorFiles {
  private readonly staging: number;
  private readonly written = new ClosedAfterWriting();
  private readonly timer: NodeJS.Timeout;
  private lookedAtNs = nowNs();

  /** Throws Errno where the kernel does not tell. */
  constructor(store: Store) {
    this.staging = openSync(store.staging, constants.O_RDONLY | constants.O_DIRECTORY);
    this.timer = setInterval(() => this.mark(), LOOK_MS).unref();
  }

  /** Looks at what is written through this mount, where its file system can say so. */
  add(mount: number): void {
    unlessRefused(() => this.written.add(mount));
  }

  /** Marks what was closed since the last time; to be called before a task may be sealed. */
  mark(): void {
    const since = this.lookedAtNs - STEP_NS;
    this.lookedAtNs = nowNs();
    let saves = 0;
    this.written.take(this.staging, (directory, name) => {
      const made = unlessRefused(() => statAt(directory, name));
      if (!made || made.btimeNs < since) return;
      if (isMarkedName(name)) {
        markIn(directory, name, ({ ino }) => ino === made.ino);
        if (isTrashInfoName(name)) markTrash(directory, since);
      } else if (++saves <= SAVES) markIn(directory, backupOf(name), (old) => isBackup(old, made));
    });
  }

  close(): void {
    clearInterval(this.timer);
    this.written.close();
    closeSync(this.staging);
  }
}

function markIn(directory: number, name: Uint8Array, isMeant: (found: Stat) => boolean): void {
  withPinned(directory, name, (fd) => {
    if (isMeant(statFd(fd))) markEditorFile(fd);
  });
}

/** Marks the trash, where that is new, in whose directory `info` a description was written. */
function markTrash(info: number, since: bigint): void {
  unlessRefused(() => {
    const { uid, ino } = statAt(info, '..');
    const around = openAt(info, '../..', O_PATH | constants.O_DIRECTORY);
    try {
      const isMeant = (found: Stat) => found.ino === ino && found.btimeNs >= since;
      markIn(around, Buffer.from(`.Trash-${uid}`), isMeant);
    } finally {
      closeSync(around);
    }
  });
}

const backupOf = (name: Buffer): Buffer => Buffer.concat([name, Buffer.from('~')]);

function isBackup(older: Stat, made: Stat): boolean {
  const apartNs = made.btimeNs - older.ctimeNs;
  return older.ino !== made.ino && apartNs < STEP_NS && apartNs > -STEP_NS;
}

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
