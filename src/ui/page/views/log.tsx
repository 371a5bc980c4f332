import { useMemo } from 'preact/hooks';
import { showBytes } from '../../../quantities.ts';
import type { TaskRow } from '../../protocol.ts';
import { addressOf } from '../api.ts';
import { Lines } from '../lines.tsx';
import { logSize } from '../state.ts';
import { terminalLines } from '../terminal.ts';
import { Follow, useWindow, WindowBar } from '../window.tsx';

/** What a task printed, as a terminal would show it in the end; followed while it runs. */
export function LogView({ task }: { readonly task: TaskRow }) {
  const address = addressOf(task.task, 'log');
  const window = useWindow(address, String(logSize.value), 'end');
  const text = window.content && window.part.text;
  const lines = useMemo(() => terminalLines(text ?? ''), [text]);
  if (!window.content) return <p class="faint">{window.problem}</p>;
  return (
    <div class="fill">
      <div class="file-head">
        <h3>Log</h3>
        <span class="faint">{showBytes(window.content.size)}</span>
        <a class="button" href={address} download>
          Download
        </a>
        <Follow of={window} />
      </div>
      <WindowBar of={window} />
      <Lines lines={lines} label={`Log of ${task.task}`} window={window} />
    </div>
  );
}
