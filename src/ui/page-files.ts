import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf, reasonOf, TaskfsError } from '../errors.ts';

/** One file of the page as it is sent. */
export interface PageFile {
  /** Its media type, for a header. */
  readonly type: string;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

/** What the page consists of, by name: nothing else of the directory is ever sent. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Finds the page: built in the package, built now from a checkout. Throws `failed`. */
export async function findPage(): Promise<PageFiles> {
  const isCheckout = extname(import.meta.filename) === '.ts';
  const directory = isCheckout ? await buildPage() : join(import.meta.dirname, 'page');
  return new Map(
    readdirSync(directory).flatMap((name) => {
      const type = TYPES[extname(name)];
      const read = () => readFile(join(directory, name));
      return type === undefined ? [] : [[name, { type, read }]];
    }),
  );
}

/** Builds the page of a checkout, once for each state of its sources. */
async function buildPage(): Promise<string> {
  const root = join(import.meta.dirname, '../..');
  const cache = join(root, 'node_modules/.cache/taskfs-page');
  const built = join(cache, digestOfSources(root));
  if (existsSync(built)) return built;
  assertWritable(root);
  const draft = `${built}.${process.pid}`;
  try {
    mkdirSync(cache, { recursive: true });
    const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs');
    const args = [rolldown, '--config', 'rolldown.page.config.ts', '--dir', draft];
    await promisify(execFile)(process.execPath, [...args, '--logLevel', 'warn'], { cwd: root });
    renameSync(draft, built);
  } catch (cause) {
    // Another process may have built the same meanwhile.
    if (existsSync(built)) return built;
    throw new TaskfsError('failed', `the page cannot be built: ${messageOf(cause)}`, { cause });
  }
  return built;
}

/** The build writes into the checkout, which may be somebody else's. */
function assertWritable(root: string): void {
  try {
    accessSync(root, constants.W_OK);
  } catch (cause) {
    const message = `the page of the checkout ${root} is not built yet: ${reasonOf(cause)}`;
    const hint = "'taskfs ui' builds it, called once by its owner; the package brings it along.";
    throw new TaskfsError('failed', message, { hint, cause });
  }
}

function digestOfSources(root: string): string {
  const hash = createHash('sha256');
  const own = ['package-lock.json', 'rolldown.page.config.ts', 'src/ui/protocol.ts'];
  const page = globSync('src/ui/page/**/*.*', { cwd: root }).sort();
  for (const file of [...own, ...page]) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}
