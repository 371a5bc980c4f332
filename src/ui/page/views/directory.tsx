import type { ViewProps } from '../content.ts';

/** What is known of something without content: a directory, a link that leads nowhere, a pipe. */
export function DirectoryView({ facts }: ViewProps) {
  return (
    <dl class="facts-list">
      <div>
        <dt>Type</dt>
        <dd>{facts.type}</dd>
      </div>
      <div>
        <dt>Mode</dt>
        <dd>{facts.mode}</dd>
      </div>
      {facts.target !== null && (
        <div>
          <dt>Points to</dt>
          <dd>{facts.target}, which is not a file of the task</dd>
        </div>
      )}
    </dl>
  );
}
