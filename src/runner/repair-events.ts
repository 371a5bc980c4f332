import { isFinal, readEvents } from '../store/index.ts';
import type { Happening, Journal } from './journal.ts';

/**
 * Appends the events that a supervisor did not live to write: a record is replaced first, its event
 * appended after, so a kill in between leaves a record that is ahead of its events.
 */
export function mendEvents({ record, paths, note }: Journal): void {
  const types = new Set(readEvents(paths.events).map(({ type }) => type));
  const { status, exitCode, signal, reasonKind, reason, artifacts, sealMs } = record;
  const missing = (happening: Happening, happened: boolean): void => {
    if (happened && !types.has(happening.type)) note(happening);
  };
  missing({ type: 'started' }, record.startedAt !== null);
  missing({ type: 'ended', status, exitCode, signal, reasonKind, reason }, isFinal(status));
  missing({ type: 'sealed', sealMs }, artifacts === 'sealed');
}
