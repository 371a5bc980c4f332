import type { MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { COOKIE, type Session } from './session.ts';

/** The origins that a server answers as, `http://127.0.0.1:8123`. */
export type Origins = readonly string[];

const SAFE_METHODS = new Set(['GET', 'HEAD']);

/** Refuses what was sent to another name than the server's, as DNS rebinding does. */
export function onlyOwnNames(origins: Origins): MiddlewareHandler {
  const hosts = origins.map((origin) => new URL(origin).host);
  return async (context, next) => {
    if (!hosts.includes(context.req.header('host') ?? '')) {
      return context.text('This server has another name.', 421);
    }
    await next();
  };
}

/**
 * Refuses what another origin's page asks for. A browser names the origin with every request that
 * changes something.
 */
export function onlyOwnOrigins(origins: Origins): MiddlewareHandler {
  return async (context, next) => {
    const origin = context.req.header('origin');
    const isSafe = SAFE_METHODS.has(context.req.method);
    if (origin === undefined ? !isSafe : !origins.includes(origin)) {
      return context.text('Another origin may not ask for this.', 403);
    }
    await next();
  };
}

/** Refuses what does not come from the page itself with its cookie. */
export function onlyThePage(session: Session): MiddlewareHandler {
  return async (context, next) => {
    const site = context.req.header('sec-fetch-site');
    const isOwn = site === undefined || site === 'same-origin' || site === 'none';
    if (!isOwn || !session.isCookie(getCookie(context, COOKIE))) {
      return context.json({ error: 'the session is not, or no longer, valid', hint: null }, 401);
    }
    await next();
  };
}

/** For every answer: nothing is guessed, kept, framed or told to others. */
export const privateHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set('X-Content-Type-Options', 'nosniff');
  headers.set('Referrer-Policy', 'no-referrer');
  headers.set('X-DNS-Prefetch-Control', 'off');
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store');
};

/** Of the page: its own scripts and styles, files from where they are served apart. */
export function pagePolicy(filesOrigins: Origins): string {
  const files = filesOrigins.join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    `img-src 'self' data: ${files}`,
    `media-src ${files}`,
    `frame-src ${files}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * Of a task's files: an origin of their own for each (`sandbox`), no scripts, nothing from
 * elsewhere. Only the page may show them in itself.
 */
export function filesPolicy(pageOrigins: Origins): string {
  return [
    'sandbox',
    "default-src 'none'",
    "img-src 'self' data:",
    "media-src 'self' data:",
    "font-src 'self' data:",
    "style-src 'self' 'unsafe-inline'",
    `frame-ancestors ${pageOrigins.join(' ')}`,
  ].join('; ');
}

/** The same of a PDF, which browsers show only outside of a sandbox; it runs nothing there. */
export const pdfPolicy = (pageOrigins: Origins): string =>
  `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors ${pageOrigins.join(' ')}`;
