import { Errno, errno } from '../../errno.ts';
import { latin1Of } from '../../latin1.ts';
import { isTaskName, OWN_XATTR_PREFIX } from '../../store/index.ts';
import { DT } from '../../sys/index.ts';
import type { Attributes } from '../file-system.ts';
import { TOP } from '../node-ids.ts';
import type { OpenDirectory } from '../subtree.ts';
import { directoryAttr, listVirtual } from '../virtual-directory.ts';
import type { LiveTasks } from './live-tasks.ts';

const DAY_MS = 86_400_000;
/** How live files are shown, and why: an attribute of live/ itself. */
const LIVE_MODE = `${OWN_XATTR_PREFIX}live`;

/** The directory live/ itself, which lists the live tasks. */
export class TopDirectory {
  private readonly tasks: LiveTasks;
  private readonly mode: string;
  private readonly startNs = BigInt(Date.now()) * 1_000_000n;

  /** `mode`: how live files are shown, and why. */
  constructor(tasks: LiveTasks, mode: string) {
    this.tasks = tasks;
    this.mode = mode;
  }

  getattr(): Attributes {
    return { attr: directoryAttr(TOP.live, 0o555, this.startNs), attrTtlMs: DAY_MS };
  }

  /**
   * For how long (milliseconds) the kernel may believe that there is nothing of this name. Programs
   * look for `.git` and `.gitignore` in each directory above theirs: no task's names.
   */
  missingTtlMs(name: Uint8Array): number {
    return isTaskName(latin1Of(name)) ? 0 : DAY_MS;
  }

  opendir(): OpenDirectory {
    return listVirtual(TOP.live, () =>
      this.tasks.list().map(({ name, ino }) => ({ name, ino, type: DT.DIR })),
    );
  }

  getxattr(name: Uint8Array): Uint8Array {
    if (latin1Of(name) !== LIVE_MODE) throw Errno.of(errno.ENODATA);
    return Buffer.from(this.mode);
  }

  listxattr(): readonly Uint8Array[] {
    return [Buffer.from(LIVE_MODE)];
  }
}
