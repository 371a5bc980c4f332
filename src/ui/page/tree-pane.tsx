import { useEffect, useMemo, useState } from 'preact/hooks';
import { showBytes } from '../../quantities.ts';
import type { TaskRow } from '../protocol.ts';
import { addressOf } from './api.ts';
import {
  go,
  isTreeKnown,
  openHere,
  place,
  reveal,
  server,
  setOpen,
  tree,
  treeNote,
} from './state.ts';
import { Thumbnail } from './thumbnail.tsx';
import { isPicture, nameOf, parentOf, type Row, versionOf } from './tree.ts';
import { Upload, uploadAll } from './upload.tsx';
import { moveBy, VirtualList } from './virtual-list.tsx';

const ROW_HEIGHT = 26;

export function TreePane({ task }: { readonly task: TaskRow }) {
  const { files, version } = tree.value;
  const open = openHere.value;
  const rows = useMemo(() => files.rows(open), [files, version, open]);
  const [cursor, setCursor] = useState<string>();
  const { file } = place.value;
  // A link, the address or the browser's history may lead into a directory that is closed.
  useEffect(() => {
    if (file !== undefined) reveal(file);
  }, [task.task, file]);
  const focused = file ?? cursor;
  const at = rows.findIndex(({ node }) => node.ref === focused);
  const directory = directoryAt(rows[at]);

  const choose = ({ node }: Row): void => {
    setCursor(node.ref);
    if (node.kind === 'directory') setOpen(node.ref, !open.has(node.ref));
    go({ task: task.task, show: 'file', file: node.ref });
  };
  const move = (to: number | undefined): void => {
    const node = to === undefined ? undefined : rows[to]?.node;
    if (!node) return;
    setCursor(node.ref);
    go({ task: task.task, show: 'file', file: node.ref });
  };
  const press = (event: KeyboardEvent): void => {
    const row = rows[at];
    const isDirectory = row?.node.kind === 'directory';
    const isOpen = row !== undefined && open.has(row.node.ref);
    const { key } = event;
    const to = moveBy(key, at, rows.length);
    if (to !== undefined) move(to);
    else if (key === 'Enter' && row) choose(row);
    else if (key === 'ArrowRight' && isDirectory) {
      if (isOpen) move(at + 1);
      else setOpen(row.node.ref, true);
    } else if (key === 'ArrowLeft' && row) {
      if (isDirectory && isOpen) setOpen(row.node.ref, false);
      else move(rows.findIndex(({ node }) => node.ref === parentOf(row.node.ref)));
    } else return;
    event.preventDefault();
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    void uploadAll(task.task, directory, event.dataTransfer?.files);
  };
  return (
    <section
      class="pane tree"
      aria-label="Files"
      onDragOver={(event) => task.artifacts === 'live' && event.preventDefault()}
      onDrop={drop}
    >
      <div class="bar">
        <span class="faint">{stateOf(files.size)}</span>
        {task.artifacts === 'live' && <Upload task={task.task} directory={directory} />}
      </div>
      {treeNote.value && <p class="warning">{treeNote.value}</p>}
      {rows.length > 0 && (
        <VirtualList
          key={task.task}
          count={rows.length}
          rowHeight={ROW_HEIGHT}
          current={at}
          role="tree"
          aria-label="Files"
          aria-activedescendant={at >= 0 ? `file-${focused}` : undefined}
          tabIndex={0}
          onKeyDown={press}
          row={(index) => {
            const row = rows[index] as Row;
            const isOpen = open.has(row.node.ref);
            const isCurrent = index === at;
            return (
              <TreeRow
                key={row.node.ref}
                {...{ task: task.task, row, isOpen, isCurrent }}
                onChoose={() => choose(row)}
              />
            );
          }}
        />
      )}
    </section>
  );
}

/** Where uploads go: the directory that is chosen, or that of the chosen file. */
function directoryAt(row: Row | undefined): string {
  if (!row) return '';
  return row.node.kind === 'directory' ? row.node.ref : parentOf(row.node.ref);
}

function stateOf(count: number): string {
  if (!isTreeKnown.value) return treeNote.value ? '' : 'reading…';
  return count === 1 ? '1 entry' : `${count} entries`;
}

const ICONS = { file: '', directory: '▸', symlink: '↪', special: '◇' };

interface RowProps {
  readonly task: string;
  readonly row: Row;
  readonly isOpen: boolean;
  readonly isCurrent: boolean;
  readonly onChoose: () => void;
}

function TreeRow({ task, row, isOpen, isCurrent, onChoose }: RowProps) {
  const { node, level, position, setSize } = row;
  const isDirectory = node.kind === 'directory';
  const hasThumbnail = isPicture(node) && server.value?.hasThumbnails && !/\.svg$/i.test(node.ref);
  return (
    <div
      id={`file-${node.ref}`}
      role="treeitem"
      aria-level={level}
      aria-posinset={position}
      aria-setsize={setSize}
      aria-selected={isCurrent}
      {...(isDirectory && { 'aria-expanded': isOpen })}
      class="tree-row"
      style={{ height: `${ROW_HEIGHT}px`, paddingLeft: `${level * 16}px` }}
      onClick={onChoose}
    >
      <span class="icon" aria-hidden="true">
        {hasThumbnail ? (
          <Thumbnail src={addressOf(task, 'thumbnail', node.ref, { v: versionOf(node) })} />
        ) : isDirectory && isOpen ? (
          '▾'
        ) : (
          ICONS[node.kind]
        )}
      </span>
      <span class="name">{nameOf(node)}</span>
      {node.changedAt > 0 && (
        <span key={node.changedAt} class="changed" title="changed since you opened this task">
          <span class="hidden">changed</span>
        </span>
      )}
      <span class="size faint">{node.kind === 'file' ? showBytes(node.size) : ''}</span>
    </div>
  );
}
