import { useMemo, useState } from 'preact/hooks';
import type { TaskRow } from '../../protocol.ts';
import { addressOf } from '../api.ts';
import { textOf, useBytes, WINDOW } from '../content.ts';
import { showBytes } from '../format.ts';
import { Lines } from '../lines.tsx';
import { logSize } from '../state.ts';
import { terminalLines } from '../terminal.ts';

/** What a task printed, as a terminal would show it in the end; followed while it runs. */
export function LogView({ task }: { readonly task: TaskRow }) {
  const [isFollowing, setFollowing] = useState(true);
  const address = addressOf(task.task, 'log');
  const { content, problem } = useBytes(address, String(logSize.value), 'end');
  const lines = useMemo(() => (content ? terminalLines(textOf(content)) : []), [content]);
  if (!content) return <p class="faint">{problem ?? 'reading…'}</p>;
  return (
    <div class="fill">
      <div class="file-head">
        <h3>Log</h3>
        <span class="faint">{showBytes(content.size)}</span>
        <a class="button" href={address} download>
          Download
        </a>
        <label class="follow">
          <input
            type="checkbox"
            checked={isFollowing}
            onChange={({ currentTarget }) => setFollowing(currentTarget.checked)}
          />
          Follow
        </label>
      </div>
      {content.start > 0 && <p class="warning">Only the last {showBytes(WINDOW)} are shown.</p>}
      <Lines lines={lines} label={`Log of ${task.task}`} isFollowing={isFollowing} />
    </div>
  );
}
