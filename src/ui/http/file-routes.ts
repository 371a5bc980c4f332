import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { exportTar, openLog } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { parseTaskName, readRecord, type TaskName, taskPaths } from '../../store/index.ts';
import { decodeRef } from '../file-ref.ts';
import type { Refusal } from '../protocol.ts';
import { type ByteSource, bytesResponse } from './byte-range.ts';
import { attachmentAs, factsOf, nameOf, openFile, openNode } from './files.ts';
import { saveEdit, saveUpload } from './save.ts';
import type { Services } from './services.ts';
import { Thumbnails } from './thumbnails.ts';

/** The largest text that the page edits, in bytes. */
const MAX_EDIT = 16 * 1024 * 1024;
const TOO_LARGE: Refusal = { error: 'the text exceeds 16 MiB', hint: 'Upload it as a file.' };

/**
 * Bytes of a task in the page's own origin: never a type that a browser would show as a page, and
 * saved where somebody opens the address.
 */
const INERT = {
  'Content-Type': 'application/octet-stream',
  'Content-Security-Policy': "default-src 'none'; sandbox",
};

/** Routes below `/tasks`: files, logs, downloads, thumbnails; edits and uploads of live tasks. */
export function fileRoutes({ store, trees, findIdentities }: Services): Hono {
  const routes = new Hono();
  const thumbnails = new Thumbnails();
  const isLive = (task: TaskName): boolean =>
    readRecord(taskPaths(store, task).record, task).artifacts === 'live';
  const asked = (context: {
    req: { param(key: 'task'): string; query(key: string): string | undefined };
  }) => ({
    task: parseTaskName(context.req.param('task')),
    ref: context.req.query('file') ?? '',
  });

  routes.get('/:task/facts', async (context) => {
    const { task, ref } = asked(context);
    using file = await openNode(trees, task, ref);
    return context.json(await factsOf(file, isLive(task)));
  });

  routes.get('/:task/content', async (context) => {
    const { task, ref } = asked(context);
    const file = await openFile(trees, task, ref);
    const headers = { ...INERT, ...attachmentAs(nameOf(file.path).toString()) };
    return bytesResponse(file, context.req.header('range'), headers);
  });

  routes.get('/:task/sha256', async (context) => {
    const { task, ref } = asked(context);
    using file = await openFile(trees, task, ref);
    return context.json({ sha256: await sha256Of(file) });
  });

  routes.get('/:task/thumbnail', async (context) => {
    const { task, ref } = asked(context);
    using file = await openFile(trees, task, ref);
    const thumbnail = await thumbnails.of(task, file);
    return context.body(new Uint8Array(thumbnail), 200, { 'Content-Type': 'image/webp' });
  });

  routes.get('/:task/tar', async (context) => {
    const { task, ref } = asked(context);
    const directory = await openNode(trees, task, ref);
    if (directory.node.artifact.type !== 'directory') {
      directory[Symbol.dispose]();
      throw new TaskfsError('usage', 'only a directory is downloaded as a tar');
    }
    const name = nameOf(directory.path).length > 0 ? nameOf(directory.path) : Buffer.from(task);
    return new Response(
      streamOf(
        exportTar(directory.node, () => {}),
        directory,
      ),
      {
        headers: { ...INERT, ...attachmentAs(`${name.toString()}.tar`) },
      },
    );
  });

  routes.get('/:task/log', async (context) => {
    const { task } = asked(context);
    const log = await openLog(store, task, findIdentities);
    const source: ByteSource = {
      size: log.size(),
      read: (into, offset) => log.read(into, offset),
      [Symbol.dispose]: () => log[Symbol.dispose](),
    };
    const headers = { ...INERT, ...attachmentAs(`${task}.log`) };
    return bytesResponse(source, context.req.header('range'), headers);
  });

  const editLimit = bodyLimit({
    maxSize: MAX_EDIT,
    onError: (context) => context.json(TOO_LARGE, 413),
  });
  routes.put('/:task/content', editLimit, async (context) => {
    const { task, ref } = asked(context);
    const before = context.req.query('before') ?? '';
    const content = new Uint8Array(await context.req.arrayBuffer());
    return context.json(await saveEdit(store, task, decodeRef(ref), { before, content }));
  });

  routes.post('/:task/upload', async (context) => {
    const { task, ref } = asked(context);
    const replace = context.req.query('replace') === '1';
    const { body } = context.req.raw;
    return context.json(await saveUpload(store, task, decodeRef(ref), { body, replace }));
  });
  return routes;
}

/** So many bytes are hashed before others get their turn. */
const HASHED_AT_ONCE = 1024 * 1024;

async function sha256Of(file: ByteSource): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(HASHED_AT_ONCE);
  for (let at = 0; ; await nextTurn()) {
    const got = file.read(piece, at);
    if (got === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, got));
    at += got;
  }
}

function streamOf(pieces: Generator<Uint8Array, void>, held: Disposable): ReadableStream {
  const end = (): void => {
    pieces.return();
    held[Symbol.dispose]();
  };
  return new ReadableStream({
    pull: (controller) => {
      try {
        const { done, value } = pieces.next();
        if (value) controller.enqueue(value);
        if (!done) return;
        end();
        controller.close();
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    cancel: end,
  });
}
