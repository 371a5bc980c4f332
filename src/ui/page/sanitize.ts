import type DOMPurify from 'dompurify';
import { fileAddress, go } from './state.ts';
import { parentOf } from './tree.ts';

/** Where a text comes from: its links and pictures are relative to that. */
export interface Origin {
  readonly task: string;
  readonly file: string;
}

type Purifier = typeof DOMPurify;

/**
 * HTML of a task's text as inert elements for the page: no scripts, no styles, no forms, no
 * requests but for pictures of the same task. The page's policy forbids the same once more.
 */
export async function sanitize(html: string, origin: Origin): Promise<DocumentFragment> {
  const { default: purifier } = (await import('dompurify')) as unknown as { default: Purifier };
  const fragment = purifier.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['style', 'form', 'input', 'button', 'select', 'textarea', 'video', 'audio'],
    FORBID_ATTR: ['style', 'id', 'name', 'class', 'srcset', 'background', 'target'],
  });
  for (const picture of fragment.querySelectorAll('img')) placePicture(picture, origin);
  for (const link of fragment.querySelectorAll('a')) placeLink(link, origin);
  return fragment;
}

const HAS_SCHEME = /^(?:[a-z][\w+.-]*:|\/\/)/i;

function placePicture(picture: HTMLImageElement, origin: Origin): void {
  const source = picture.getAttribute('src') ?? '';
  if (source.startsWith('data:image/')) return;
  const file = resolve(source, origin);
  if (file === undefined) picture.removeAttribute('src');
  else picture.src = fileAddress(origin.task, file);
}

/** Links to the task's own files are followed in the page, others in a tab of their own. */
function placeLink(link: HTMLAnchorElement, origin: Origin): void {
  const target = link.getAttribute('href') ?? '';
  const file = resolve(target, origin);
  if (file === undefined) {
    if (!/^https?:/i.test(target)) link.removeAttribute('href');
    link.target = '_blank';
    link.rel = 'noreferrer noopener';
    return;
  }
  link.href = `#${new URLSearchParams({ task: origin.task, show: 'file', file })}`;
  link.addEventListener('click', (event) => {
    event.preventDefault();
    go({ task: origin.task, show: 'file', file });
  });
}

/** The file that a relative address means; undefined for all other addresses. */
function resolve(address: string, { file }: Origin): string | undefined {
  if (address === '' || address.startsWith('#') || HAS_SCHEME.test(address)) return undefined;
  const base = `http://task/${parentOf(file)}/`;
  return new URL(address, base).pathname.replace(/^\/+/, '');
}
