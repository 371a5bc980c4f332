import type { ViewProps } from '../content.ts';
import { fileAddress, ticket } from '../state.ts';
import { versionOf } from '../tree.ts';

/** A page or a PDF of the task, in the origin apart from this page; a page without its scripts. */
export function FrameView({ task, facts }: ViewProps) {
  if (ticket.value === '') return <p class="faint">reading…</p>;
  const source = fileAddress(task, facts.ref, versionOf(facts));
  // A browser shows no PDF in a sandbox.
  const sandbox = facts.view === 'pdf' ? {} : { sandbox: '' };
  return <iframe class="fill" title={facts.path} src={source} {...sandbox} />;
}

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
