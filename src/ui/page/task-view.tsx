import { FileView } from './file-view.tsx';
import { currentTask, go, place } from './state.ts';
import { TaskActions } from './task-actions.tsx';
import { TaskFacts, TaskLabel } from './task-facts.tsx';
import { TreePane } from './tree-pane.tsx';
import { Gallery } from './views/gallery.tsx';
import { LogView } from './views/log.tsx';

/** One task: its state, what can be done, its files, and what is shown of them. */
export function TaskView() {
  const task = currentTask.value;
  const { show, file } = place.value;
  if (!task) {
    return (
      <section class="pane empty" aria-label="No task">
        <p class="faint">{place.value.task ? 'There is no such task.' : 'Choose a task.'}</p>
      </section>
    );
  }
  const name = task.task;
  return (
    <section class="task" aria-label={`Task ${name}`}>
      <div class="task-head">
        <button type="button" class="back" onClick={() => go(show ? { task: name } : {})}>
          Back
        </button>
        <h2>{name}</h2>
        <TaskLabel task={task} />
        <TaskActions task={task} />
      </div>
      {task.artifacts === 'kept' && <p class="warning">{task.reason}</p>}
      <TreePane task={task} />
      <section class="pane content" aria-label="Content" tabIndex={-1}>
        {show === 'log' && <LogView key={name} task={task} />}
        {show === 'gallery' && <Gallery key={name} task={name} />}
        {show === 'file' && file !== undefined && (
          <FileView key={`${name}/${file}`} task={task} file={file} />
        )}
        {show === undefined && <TaskFacts task={task} />}
      </section>
    </section>
  );
}
