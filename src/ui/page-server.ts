import type { FindIdentities } from '../artifacts/index.ts';
import type { Store } from '../store/index.ts';
import { filesApp } from './http/files-app.ts';
import { assertListenable, listen, type Place } from './http/listen.ts';
import { pageApp } from './http/page-app.ts';
import { Session } from './http/session.ts';
import { Feed } from './live/feed.ts';
import { OpenTrees } from './live/open-trees.ts';
import { findPage } from './page-files.ts';

/** A page that is being served. */
export interface Ui extends AsyncDisposable {
  /** Of the page, with the token that opens it in its fragment. */
  readonly url: string;
  /** The ports: of the page, and of the files that it shows. */
  readonly ports: readonly [number, number];
}

/**
 * Serves the page of a store until disposed. Two ports: what tasks wrote is shown from an origin of
 * its own. A port that is asked for is the page's, and the next one the files'. Throws `usage`,
 * `failed`.
 */
export async function serveUi(
  store: Store,
  findIdentities: FindIdentities,
  place: Place,
): Promise<Ui> {
  assertListenable(place);
  const page = await findPage();
  await using opened = new AsyncDisposableStack();
  const trees = opened.use(new OpenTrees(store, findIdentities));
  const onGone = trees.forget.bind(trees);
  const feed = opened.use(new Feed({ store, findIdentities, onGone }));
  const services = { store, findIdentities, feed, trees };
  const session = new Session();
  const own = opened.use(await listen(place));
  const files = opened.use(await listen({ ...place, port: place.port && own.port + 1 }));
  const origins = { own: own.origins, files: files.origins };
  own.answer(pageApp(services, { session, page, origins }));
  files.answer(filesApp(services, session, { own: files.origins, page: own.origins }));
  const held = opened.move();
  return {
    url: `${own.origins[0]}${session.base}/#token=${session.token}`,
    ports: [own.port, files.port],
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
