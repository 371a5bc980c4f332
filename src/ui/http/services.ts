import type { FindIdentities } from '../../artifacts/index.ts';
import type { Store } from '../../store/index.ts';
import type { Feed } from '../live/feed.ts';
import type { OpenTrees } from '../live/open-trees.ts';

/** What the routes work with. */
export interface Services {
  readonly store: Store;
  readonly findIdentities: FindIdentities;
  readonly feed: Feed;
  readonly trees: OpenTrees;
}
