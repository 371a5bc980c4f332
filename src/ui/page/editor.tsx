import { useEffect, useRef, useState } from 'preact/hooks';
import type { FileFacts, FileRef, TaskRow } from '../protocol.ts';
import { addressOf, bytesAt, messageOf, Refused, saveEdit, sha256, upload } from './api.ts';
import { WINDOW } from './content.ts';
import { say } from './state.ts';
import { versionOf } from './tree.ts';

/** A text that somebody has begun to edit. */
interface Draft {
  readonly text: string;
  /** The sha256 of the content that the editing began with. */
  readonly before: string;
}

/** What was typed and not saved, by task and file: looking at something else does not lose it. */
const drafts = new Map<string, Draft>();

window.addEventListener('beforeunload', (event) => {
  if (drafts.size > 0) event.preventDefault();
});

const keyOf = (task: string, file: FileRef): string => `${task}/${file}`;

/** Whether somebody has begun to edit a file, and neither saved nor dropped that. */
export const hasDraft = (task: string, file: FileRef): boolean => drafts.has(keyOf(task, file));

interface Props {
  readonly task: TaskRow;
  readonly facts: FileFacts;
  readonly onClose: () => void;
}

/**
 * Edits a live text. It is saved only over the content that the editing began with; a change
 * beneath is reported, and nothing that was typed is lost.
 */
export function Editor({ task, facts, onClose }: Props) {
  const [text, setText] = useState<string>();
  const [problem, setProblem] = useState<string>();
  const [isChanged, setChanged] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const before = useRef('');
  const seen = useRef(versionOf(facts));
  const version = versionOf(facts);
  const key = keyOf(task.task, facts.ref);

  const load = async (): Promise<{ readonly text: string; readonly digest: string }> => {
    const address = addressOf(task.task, 'content', facts.ref);
    const { bytes, size } = await bytesAt(address, 0, WINDOW);
    if (size > WINDOW) throw new Error('the file is too large to be edited here');
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text: decoded, digest: await sha256(bytes) };
  };
  const begin = async (): Promise<void> => {
    try {
      const loaded = await load();
      drafts.delete(key);
      before.current = loaded.digest;
      seen.current = version;
      setText(loaded.text);
      setChanged(false);
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof TypeError ? 'the file is not UTF-8' : messageOf(error));
    }
  };
  const goOn = async (draft: Draft): Promise<void> => {
    before.current = draft.before;
    setText(draft.text);
    // Where it cannot be read any more, saving says so.
    const now = await load().catch(() => undefined);
    setChanged(now !== undefined && now.digest !== draft.before);
  };
  useEffect(() => {
    const draft = drafts.get(key);
    void (draft ? goOn(draft) : begin());
  }, []);
  useEffect(() => {
    if (version === seen.current) return;
    seen.current = version;
    // A change of its times alone is none.
    load().then(
      ({ digest }) => digest !== before.current && setChanged(true),
      () => setChanged(true),
    );
  }, [version]);

  const isReady = text !== undefined;
  useEffect(() => area.current?.focus(), [isReady]);

  const content = (): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text ?? '');
  const attempt = async (save: () => Promise<void>): Promise<void> => {
    try {
      await save();
    } catch (error) {
      if (error instanceof Refused && error.status === 409) setChanged(true);
      else setProblem(`Not saved: ${messageOf(error)} Your text is still here.`);
    }
  };
  const type = (typed: string): void => {
    setText(typed);
    drafts.set(key, { text: typed, before: before.current });
  };
  const save = async (): Promise<void> => {
    const bytes = content();
    const result = await saveEdit(task.task, facts.ref, before.current, bytes);
    before.current = await sha256(bytes);
    if (drafts.get(key)?.text === text) drafts.delete(key);
    if (result.kind === 'kept') say(`Your version is ${result.where}: ${result.why}`, true);
    else say('Saved.');
    setProblem(undefined);
  };
  const overwrite = async (): Promise<void> => {
    before.current = (await load()).digest;
    await save();
    setChanged(false);
  };
  const saveBeside = async (): Promise<void> => {
    await upload(task.task, `${facts.ref}.edited`, new Blob([content()]), true);
    say(`Saved beside it, as ${facts.path}.edited.`);
    drafts.delete(key);
    onClose();
  };
  const close = (): void => {
    if (drafts.has(key) && !confirm(`Drop what you changed in ${facts.path}?`)) return;
    drafts.delete(key);
    onClose();
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void attempt(save);
  };

  if (text === undefined) return <p class="faint">{problem ?? 'reading…'}</p>;
  return (
    <div class="editor">
      {task.artifacts !== 'live' && (
        <p class="warning">The task has ended: its files do not change any more. Copy your text.</p>
      )}
      {isChanged && (
        <div class="warning" role="alert">
          <p>The task changed this file while you edited it.</p>
          <button type="button" onClick={() => void attempt(saveBeside)}>
            Save mine beside it
          </button>
          <button type="button" onClick={() => void attempt(overwrite)}>
            Overwrite it
          </button>
          <button type="button" class="danger" onClick={() => void begin()}>
            Drop mine, load it again
          </button>
        </div>
      )}
      {problem && <p class="warning">{problem}</p>}
      <textarea
        ref={area}
        aria-label={`Text of ${facts.path}`}
        spellcheck={false}
        value={text}
        onInput={({ currentTarget }) => type(currentTarget.value)}
        onKeyDown={press}
      />
      <div class="actions">
        <button type="button" class="primary" onClick={() => void attempt(save)}>
          Save
        </button>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </div>
  );
}
