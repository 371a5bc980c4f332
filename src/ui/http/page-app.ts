import { Hono } from 'hono';
import { setCookie } from 'hono/cookie';
import { streamSSE } from 'hono/streaming';
import { hasThumbnails } from '../../preview/index.ts';
import { parseTaskName } from '../../store/index.ts';
import type { PageFiles } from '../page-files.ts';
import type { ServerFacts } from '../protocol.ts';
import { fileRoutes } from './file-routes.ts';
import { answerError } from './refusals.ts';
import {
  type Origins,
  onlyOwnNames,
  onlyOwnOrigins,
  onlyThePage,
  pagePolicy,
  privateHeaders,
} from './security.ts';
import type { Services } from './services.ts';
import { COOKIE, type Session } from './session.ts';
import { taskRoutes } from './task-routes.ts';

/** How often a comment is sent, so that a connection which died is noticed, in milliseconds. */
const HEARTBEAT_MS = 15_000;

/** For whoever has the address of a server that ended, or only the port. */
const OTHER_ADDRESS = "This is not the address of the page: 'taskfs ui' prints it when it starts.";

export interface PageAppOptions {
  readonly session: Session;
  readonly page: PageFiles;
  readonly origins: { readonly own: Origins; readonly files: Origins };
}

/** The page, and what it asks for: all below the session's own path. */
export function pageApp(services: Services, { session, page, origins }: PageAppOptions): Hono {
  const { own, files } = origins;
  const factsFor = async (url: string): Promise<ServerFacts> => {
    const { hostname } = new URL(url);
    const filesOrigin = files.find((origin) => new URL(origin).hostname === hostname) ?? '';
    const { store } = services;
    return { store: store.path, filesOrigin, hasThumbnails: await hasThumbnails() };
  };
  const app = new Hono().basePath(session.base);
  app.onError(answerError);
  app.notFound((context) => context.text(OTHER_ADDRESS, 404));
  app.use(privateHeaders, onlyOwnNames(own), onlyOwnOrigins(own));

  app.get('/:file{.*}', async (context, next) => {
    const name = context.req.param('file') || 'index.html';
    const file = page.get(name);
    if (!file) return next();
    return context.body(await file.read(), 200, {
      'Content-Type': file.type,
      'Content-Security-Policy': pagePolicy(files),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
    });
  });

  app.post('/session', async (context) => {
    const cookie = session.exchange(await context.req.text());
    if (cookie === undefined) {
      return context.json({ error: 'the token is not valid', hint: null }, 401);
    }
    const isSecure = new URL(own[0] ?? '').protocol === 'https:';
    const scope = { path: session.base, secure: isSecure };
    setCookie(context, COOKIE, cookie, { ...scope, httpOnly: true, sameSite: 'Strict' });
    return context.json({});
  });

  app.use('/api/*', onlyThePage(session));
  app.get('/api/server', async (context) => context.json(await factsFor(context.req.url)));
  app.get('/api/stream', (context) => {
    const { task, since } = context.req.query();
    const name = task === undefined ? undefined : parseTaskName(task);
    return streamSSE(context, async (stream) => {
      const close = services.feed.listen(name, Number(since ?? 0), (event, data) => {
        void stream.writeSSE({ event, data: JSON.stringify(data) });
      });
      stream.onAbort(close);
      while (!stream.aborted && !stream.closed) {
        await stream.sleep(HEARTBEAT_MS);
        await stream.write(': still here\n\n');
      }
    });
  });
  app.get('/api/tasks/:task/ticket', (context) => {
    const task = parseTaskName(context.req.param('task'));
    return context.json({ ticket: session.ticketFor(task) });
  });
  app.route('/api/tasks', taskRoutes(services));
  app.route('/api/tasks', fileRoutes(services));
  return app;
}
