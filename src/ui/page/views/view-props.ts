import type { FileFacts } from '../../protocol.ts';

/** What each view of a file gets. */
export interface ViewProps {
  readonly task: string;
  readonly facts: FileFacts;
}
