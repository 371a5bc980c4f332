import type { FindIdentities } from '../artifacts/index.ts';
import { messageOf } from '../errors.ts';
import type { Store, TaskName } from '../store/index.ts';
import { type LiveTree, Watch, type WatchEvent } from '../watch/index.ts';
import { rowKeyOf } from './tree-rows.ts';

/** Changes within so many milliseconds are shown together. */
const DEBOUNCE_MS = 500;
/** How long a change is marked, in milliseconds. */
const FLASH_MS = 2_000;

/** The files of one task, followed from staging into the archive. */
export class FollowedTask implements Disposable {
  readonly task: TaskName;
  private readonly watch: Watch;
  private readonly changed: (names: boolean) => void;
  /** When a path changed last, in milliseconds of performance.now(). */
  private readonly flashes = new Map<string, number>();
  private isReady = false;
  private kept: LiveTree | undefined;
  private note: string | undefined;

  /**
   * `changed` is called whenever there is something new to show, with true where names came or
   * went.
   */
  constructor(
    store: Store,
    task: TaskName,
    findIdentities: FindIdentities,
    changed: (names: boolean) => void,
  ) {
    this.task = task;
    this.changed = changed;
    this.watch = new Watch(store, task, { debounceMs: DEBOUNCE_MS, findIdentities });
    void this.follow();
  }

  /** Its files as last seen; undefined while they never were. */
  get tree(): LiveTree | undefined {
    this.kept = this.watch.tasks.get(this.task)?.tree ?? this.kept;
    return this.kept;
  }

  /** What a person should know of how it is followed. */
  get trouble(): string | undefined {
    return this.watch.tasks.get(this.task)?.trouble ?? this.note;
  }

  /** Whether a path changed just now. */
  isFlashing(key: string): boolean {
    return (this.flashes.get(key) ?? Number.NEGATIVE_INFINITY) > performance.now() - FLASH_MS;
  }

  [Symbol.dispose](): void {
    void this.watch.close();
  }

  private async follow(): Promise<void> {
    try {
      for (let batch = await this.watch.next(); batch; batch = await this.watch.next()) {
        for (const event of batch) this.take(event);
        this.changed(batch.some(({ type }) => type !== 'change'));
      }
    } catch (error) {
      this.note = messageOf(error);
      this.changed(false);
    }
  }

  private take(event: WatchEvent): void {
    if (event.type === 'ready') this.isReady = true;
    else if (event.type === 'note') this.note = event.message;
    else if (event.type === 'add' || event.type === 'change') this.flash(event);
  }

  /** What was there at the start is no change. */
  private flash({ path, pathBase64 }: { path: string; pathBase64?: string }): void {
    if (!this.isReady) return;
    const now = performance.now();
    const key = rowKeyOf(Buffer.from(pathBase64 ?? path, pathBase64 ? 'base64' : 'utf8'));
    // Again at its end, where the oldest are not: those are forgotten first.
    this.flashes.delete(key);
    this.flashes.set(key, now);
    for (const [old, at] of this.flashes) {
      if (at > now - FLASH_MS) return;
      this.flashes.delete(old);
    }
  }
}
