import { type Anchor, loadVerifyingKey, readAnchor, type Store } from '../store/index.ts';
import { readChain } from './chain.ts';
import { signerOf } from './seal-record.ts';

/** What to keep elsewhere of a store, and where its new seals go. */
export interface AnchorState {
  readonly anchor: Anchor | null;
  /** The hash of the key that signs. */
  readonly signer: string;
  /** The hash of the last seal; null: nothing was sealed yet. */
  readonly last: string | null;
}

/** Throws `damaged`. */
export function anchorState(store: Store): AnchorState {
  return {
    anchor: readAnchor(store) ?? null,
    signer: signerOf(loadVerifyingKey(store)),
    last: readChain(store).at(-1)?.hash ?? null,
  };
}
