/**
 * Checks that what the documentation points at is there: files and headings that its links name,
 * and the files of this repository that it names as code or as the test of a promise. Addresses
 * on the Web are left alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `[text](target)`, where the text may have a line break. */
const LINK = /\]\(([^()\s]+)\)/g;
/** `src/fs/index.ts` in backticks, or in a list of tests such as `[test/a.test.ts, test/b.ts]`. */
const PATH = /(?<=[`[]|, |,\n)(?:bench|examples|scripts|src|test)\/[\w./-]*\w\/?(?=[`\],])/g;

const withoutFences = (text: string): string => text.replace(/^ *```.*?^ *```$/gms, '');

/** The name that GitHub gives a heading, for links. */
const slug = (heading: string): string =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

/** The anchors of a page; a heading that comes again has a number. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  const headings = withoutFences(readFileSync(page, 'utf8')).matchAll(/^#+ (.+)$/gm);
  for (const [, heading = ''] of headings) {
    const name = slug(heading.trim());
    let again = 0;
    while (anchors.has(again === 0 ? name : `${name}-${again}`)) again += 1;
    anchors.add(again === 0 ? name : `${name}-${again}`);
  }
  return anchors;
}

function isBroken(page: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return false;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(file)) return true;
  return anchor !== undefined && !anchorsOf(file).has(anchor);
}

function faultsIn(page: string): string[] {
  const text = withoutFences(readFileSync(page, 'utf8'));
  const targets = [...text.matchAll(LINK)].map(([, target = '']) => target);
  const links = targets.filter((target) => isBroken(page, target));
  const paths = [...text.matchAll(PATH)].map(([path]) => path).filter((path) => !existsSync(path));
  return [...links, ...paths].map((missing) => `${page}: ${missing} is not there`);
}

process.chdir(join(import.meta.dirname, '..'));
const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'];
const pages = execFileSync('git', listed, { encoding: 'utf8' }).split('\0').filter(existsSync);
const faults = pages.flatMap(faultsIn);
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length > 0 ? 1 : 0;
