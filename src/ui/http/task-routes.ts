import { Hono } from 'hono';
import { findInMounts } from '../../mount/index.ts';
import {
  assertSealable,
  cancel,
  pause,
  removeEnded,
  resume,
  sealAgain,
  viewTask,
} from '../../runner/index.ts';
import { parseArtifactPath, parseTaskName, pin, type TaskName, unpin } from '../../store/index.ts';
import { printableName } from '../../watch/index.ts';
import { decodeRef } from '../file-ref.ts';
import type { Services } from './services.ts';

/** What can be done to a task by one word: what the verb of that name does. */
type Act = (task: TaskName) => Promise<unknown> | unknown;

/** Routes below `/tasks`: what is done to a task as a whole, as the command line's verbs do it. */
export function taskRoutes({ store, feed, trees }: Services): Hono {
  const acts: Readonly<Record<string, Act>> = {
    cancel: (task) => cancel(store, task),
    kill: (task) => cancel(store, task, { kill: true }),
    pause: (task) => pause(store, task),
    resume: (task) => resume(store, task),
    pin: (task) => {
      viewTask(store, task);
      pin(store, task);
    },
    unpin: (task) => unpin(store, task),
    seal: (task) => {
      assertSealable(store, task);
      return sealAgain(store, task, {});
    },
  };
  const routes = new Hono();

  routes.post('/:task/:act', async (context, next) => {
    const { task: name, act } = context.req.param();
    const run = Object.hasOwn(acts, act) ? acts[act] : undefined;
    if (!run) return next();
    const task = parseTaskName(name);
    await run(task);
    feed.list.update(task);
    feed.refresh();
    return context.json({});
  });

  routes.delete('/:task', async (context) => {
    const task = parseTaskName(context.req.param('task'));
    trees.forget(task);
    const left = await removeEnded(store, task);
    feed.refresh();
    return context.json({ left });
  });

  routes.get('/:task/mounted', async (context) => {
    const task = parseTaskName(context.req.param('task'));
    const path = parseArtifactPath(task, decodeRef(context.req.query('file') ?? ''));
    const part = viewTask(store, task).artifacts === 'sealed' ? 'archive' : 'live';
    const found = await findInMounts(store.path, { part, task, path });
    return context.json({ path: found ? printableName(found) : null });
  });
  return routes;
}
