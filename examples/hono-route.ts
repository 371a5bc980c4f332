/**
 * A route that streams an artifact, live or archived, without it ever being on the disk:
 * GET /tasks/build/report.pdf
 */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { openStore, openTask, TaskfsError } from 'taskfs';

const store = await openStore({ create: false });
const app = new Hono();

app.get('/tasks/:task/:path{.+}', async (context) => {
  const { task, path } = context.req.param();
  // What a task wrote is not to be trusted: it is downloaded, never shown as a page of ours.
  context.header('Content-Type', 'application/octet-stream');
  context.header('Content-Disposition', 'attachment');
  return context.body(await openTask(store, task).stream(path));
});

app.onError((error, context) => {
  if (!(error instanceof TaskfsError)) throw error;
  return context.text(error.message, error.kind === 'not-found' ? 404 : 400);
});

serve(
  { fetch: app.fetch, hostname: '127.0.0.1', port: Number(process.env.PORT ?? 0) },
  ({ port }) => console.log(`http://127.0.0.1:${port}`),
);
