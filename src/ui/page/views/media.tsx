import { fileAddress, ticket } from '../state.ts';
import { versionOf } from '../tree.ts';
import type { ViewProps } from './view-props.ts';

/** Sound or video, played by the browser. */
export function MediaView({ task, facts }: ViewProps) {
  if (ticket.value === '') return <p class="faint">reading…</p>;
  const source = fileAddress(task, facts.ref, versionOf(facts));
  const Media = facts.view === 'audio' ? 'audio' : 'video';
  return (
    <div class="fill canvas whole">
      <Media controls src={source} aria-label={facts.path} />
    </div>
  );
}
