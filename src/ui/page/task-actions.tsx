import { useState } from 'preact/hooks';
import type { TaskRow } from '../protocol.ts';
import { type Act, act, addressOf, messageOf, mountedPathOf, remove } from './api.ts';
import { Confirm } from './dialog.tsx';
import { go, place, say } from './state.ts';

/** What can be done to a task as a whole. */
export function TaskActions({ task }: { readonly task: TaskRow }) {
  const [asks, setAsks] = useState(false);
  const name = task.task;
  const button = (what: Act, label: string) => (
    <button type="button" onClick={() => void attempt(() => act(name, what))}>
      {label}
    </button>
  );
  const show = (what: 'log' | 'gallery', label: string) => (
    <button
      type="button"
      aria-pressed={place.value.show === what}
      onClick={() => go(place.value.show === what ? { task: name } : { task: name, show: what })}
    >
      {label}
    </button>
  );
  const hasEnded = task.status !== 'running' && task.status !== 'queued';
  return (
    <div class="actions" role="group" aria-label="Actions">
      {show('log', 'Log')}
      {show('gallery', 'Pictures')}
      <a class="button" href={addressOf(name, 'tar')} download>
        Download all
      </a>
      <CopyPath task={name} file="" />
      {task.status === 'running' &&
        (task.paused ? button('resume', 'Resume') : button('pause', 'Pause'))}
      {!hasEnded && button('cancel', 'Cancel')}
      {task.artifacts === 'kept' && button('seal', 'Seal again')}
      {task.pinned ? button('unpin', 'Unpin') : button('pin', 'Pin')}
      {hasEnded && !task.pinned && (
        <button type="button" class="danger" onClick={() => setAsks(true)}>
          Remove
        </button>
      )}
      <Confirm
        title={`Remove task ${name}?`}
        action="Remove for good"
        isOpen={asks}
        onClose={() => setAsks(false)}
        onConfirm={() => void attempt(() => remove(name)).then((done) => done && leave(name))}
      >
        <p>Its files, its log and its record are removed. This cannot be undone.</p>
      </Confirm>
    </div>
  );
}

/** Back to the list, without the task that was removed. */
function leave(name: string): void {
  go({});
  say(`Task ${name} was removed.`);
}

/** Whether it was done; what was refused is said. */
async function attempt(what: () => Promise<void>): Promise<boolean> {
  try {
    await what();
    return true;
  } catch (error) {
    say(messageOf(error), true);
    return false;
  }
}

/** Copies where a mount shows a file. */
export function CopyPath({ task, file }: { readonly task: string; readonly file: string }) {
  const copy = async (): Promise<void> => {
    const path = await mountedPathOf(task, file);
    if (path === null) {
      say("No mount shows the files: 'taskfs mount DIR' makes one.", true);
      return;
    }
    await navigator.clipboard.writeText(path);
    say(`Copied: ${path}`);
  };
  return (
    <button type="button" onClick={() => void attempt(copy)}>
      Copy path
    </button>
  );
}
