import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { showBytes } from '../../quantities.ts';
import type { FileFacts, TaskRow } from '../protocol.ts';
import { addressOf, factsOf, messageOf } from './api.ts';
import { type ViewProps, WINDOW } from './content.ts';
import { Editor, hasDraft } from './editor.tsx';
import { showTime } from './format.ts';
import { isTreeKnown, tree } from './state.ts';
import { CopyPath } from './task-actions.tsx';
import { versionOf } from './tree.ts';
import { BytesView } from './views/bytes.tsx';
import { DirectoryView } from './views/directory.tsx';
import { FrameView, MediaView } from './views/embedded.tsx';
import { JsonView } from './views/json.tsx';
import { MarkdownView } from './views/markdown.tsx';
import { NotebookView } from './views/notebook.tsx';
import { PictureView } from './views/picture.tsx';
import { TableView } from './views/table.tsx';
import { TextView } from './views/text.tsx';

const VIEWS: Readonly<Record<FileFacts['view'], ComponentType<ViewProps>>> = {
  picture: PictureView,
  text: TextView,
  markdown: MarkdownView,
  html: FrameView,
  table: TableView,
  json: JsonView,
  notebook: NotebookView,
  pdf: FrameView,
  audio: MediaView,
  video: MediaView,
  bytes: BytesView,
  none: DirectoryView,
};

/** One file: what it is, what can be done with it, and its content in the way that fits it. */
export function FileView({ task, file }: { readonly task: TaskRow; readonly file: string }) {
  const node = tree.value.files.get(file);
  const version = node ? versionOf(node) : '';
  const { facts, problem } = useFacts(task, file, version);
  const [mode, setMode] = useState<'rendered' | 'source' | 'edit'>(
    hasDraft(task.task, file) ? 'edit' : 'rendered',
  );
  if (!facts) return <p class="faint">{problem ?? 'reading…'}</p>;
  const name = task.task;
  const canRender = facts.isText && facts.view !== 'text';
  const View = mode === 'source' ? TextView : VIEWS[facts.view];
  const isGone = !node && isTreeKnown.value && facts.ref !== '';
  return (
    <article class="file" aria-label={facts.path}>
      <header class="file-head">
        <h3>{facts.path}</h3>
        <span class="faint">
          {[facts.mime || facts.type, showBytes(facts.size), showTime(facts.mtime)].join(' · ')}
        </span>
        <div class="actions" role="group" aria-label="File actions">
          {canRender && mode !== 'edit' && (
            <button
              type="button"
              aria-pressed={mode === 'source'}
              onClick={() => setMode(mode === 'source' ? 'rendered' : 'source')}
            >
              Source
            </button>
          )}
          {facts.isLive && facts.isText && facts.size <= WINDOW && mode !== 'edit' && (
            <button type="button" onClick={() => setMode('edit')}>
              Edit
            </button>
          )}
          <Download task={name} facts={facts} />
          <CopyPath task={name} file={facts.ref} />
        </div>
      </header>
      {isGone && (
        <p class="warning">The task removed this file. This is what was last seen of it.</p>
      )}
      {problem && !isGone && <p class="warning">{problem}</p>}
      {mode === 'edit' ? (
        <Editor task={task} facts={facts} onClose={() => setMode('rendered')} />
      ) : (
        <View task={name} facts={facts} />
      )}
    </article>
  );
}

function Download({ task, facts }: ViewProps) {
  const { type, ref } = facts;
  if (type === 'directory') {
    return (
      <a class="button" href={addressOf(task, 'tar', ref)} download>
        Download as tar
      </a>
    );
  }
  if (type !== 'file') return null;
  return (
    <a class="button" href={addressOf(task, 'content', ref)} download>
      Download
    </a>
  );
}

/** What is known of a file, again for each version; where it is gone, what was known before. */
function useFacts(task: TaskRow, file: string, version: string) {
  const [state, setState] = useState<{ readonly facts?: FileFacts; readonly problem?: string }>({});
  useEffect(() => {
    let isCurrent = true;
    factsOf(task.task, file).then(
      (facts) => isCurrent && setState({ facts }),
      (error) => isCurrent && setState((before) => ({ ...before, problem: messageOf(error) })),
    );
    return () => {
      isCurrent = false;
    };
  }, [task.task, file, version, task.artifacts]);
  return state;
}
