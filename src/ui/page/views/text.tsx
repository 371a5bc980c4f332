import { useState } from 'preact/hooks';
import type { ViewProps } from '../content.ts';
import { textOf, useFile, WINDOW } from '../content.ts';
import { showBytes } from '../format.ts';
import { useHighlighted } from '../highlight.ts';
import { Lines } from '../lines.tsx';

/** Text with line numbers, in the colours of its language; it can be followed while it grows. */
export function TextView({ task, facts }: ViewProps) {
  const [isFollowing, setFollowing] = useState(false);
  const { content, problem } = useFile(task, facts, isFollowing ? 'end' : 'beginning');
  const lines = useHighlighted(content ? textOf(content) : '', facts.path);
  if (!content) return <p class="faint">{problem ?? 'reading…'}</p>;
  return (
    <div class="fill">
      <label class="follow">
        <input
          type="checkbox"
          checked={isFollowing}
          onChange={({ currentTarget }) => setFollowing(currentTarget.checked)}
        />
        Follow
      </label>
      {content.size > WINDOW && (
        <p class="warning">
          Only {isFollowing ? 'the last' : 'the first'} {showBytes(WINDOW)} of{' '}
          {showBytes(content.size)} are shown.
        </p>
      )}
      <Lines lines={lines} label={facts.path} isFollowing={isFollowing} />
    </div>
  );
}
