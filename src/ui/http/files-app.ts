import { Hono } from 'hono';
import { detectContentType } from '../../preview/index.ts';
import { parseTaskName } from '../../store/index.ts';
import { bytesResponse } from './byte-range.ts';
import { headOf, nameOf, openFile } from './files.ts';
import { answerError } from './refusals.ts';
import { filesPolicy, type Origins, onlyOwnNames, pdfPolicy, privateHeaders } from './security.ts';
import type { Services } from './services.ts';
import type { Session } from './session.ts';

/**
 * The server of a task's files as what they are, `/TICKET/TASK/FILE`, in an origin apart from the
 * page: pictures, media, PDF, and pages without scripts, which find their own pictures and styles.
 */
export function filesApp(
  { trees }: Services,
  session: Session,
  origins: { readonly own: Origins; readonly page: Origins },
): Hono {
  const app = new Hono();
  app.onError(answerError);
  app.use(privateHeaders, onlyOwnNames(origins.own));
  app.get('*', async (context) => {
    const [, ticket = '', name = '', ...parts] = new URL(context.req.url).pathname.split('/');
    const task = parseTaskName(name);
    if (!session.isTicket(ticket, task)) return context.text('This address is not valid.', 403);
    const file = await openFile(trees, task, parts.join('/'));
    const { mime, isText } = await detectContentType(nameOf(file.path), headOf(file));
    const policy = mime === 'application/pdf' ? pdfPolicy : filesPolicy;
    return bytesResponse(file, context.req.header('range'), {
      'Content-Type': isText ? `${mime}; charset=utf-8` : mime,
      'Content-Security-Policy': policy(origins.page),
    });
  });
  return app;
}
