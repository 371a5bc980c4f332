/**
 * The task of scripts/demo: some ten seconds of real work on real files. It unpacks a source
 * tarball, bundles it, measures each file into a log that grows, waits for a title that somebody
 * types into a file while it runs, and leaves a report and a picture.
 *
 *   node task.ts SOURCES.tar.gz NODE_MODULES      writes into $TASKFS_ARTIFACTS
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { barChart } from './png.ts';

/** Long enough that a person can follow the log: the measuring takes about so many milliseconds. */
const MEASURE_MS = 6_000;
const TITLE_LIMIT_MS = 60_000;
const UNTITLED = 'untitled: write a title for the report here\n';

const [tarball = '', modules = ''] = process.argv.slice(2);
const artifacts = process.env.TASKFS_ARTIFACTS ?? '.';
const sources = join(artifacts, 'source');
const progress = join(artifacts, 'progress.log');

interface Measured {
  readonly path: string;
  readonly lines: number;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function unpack(): void {
  say(`unpacking ${tarball}`);
  mkdirSync(sources, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', sources]);
}

function build(): void {
  say('bundling with rolldown');
  const link = join(sources, 'node_modules');
  symlinkSync(modules, link);
  const bundler = join(modules, '.bin', 'rolldown');
  const options = ['--config', '--dir', join('..', 'dist')];
  execFileSync(bundler, options, { cwd: sources, stdio: 'inherit' });
  rmSync(link);
}

async function measure(): Promise<Measured[]> {
  const files = readdirSync(join(sources, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  say(`measuring ${files.length} files`);
  const measured: Measured[] = [];
  for (const file of files) {
    measured.push(measureFile(file));
    await sleep(MEASURE_MS / files.length);
  }
  return measured;
}

function measureFile(file: string): Measured {
  const text = readFileSync(file, 'utf8');
  const path = relative(sources, file);
  const lines = text.split('\n').length - 1;
  const sum = createHash('sha256').update(text).digest('hex').slice(0, 12);
  appendFileSync(progress, `${sum}  ${String(lines).padStart(4)} lines  ${path}\n`);
  return { path, lines };
}

async function titleFromUser(path: string): Promise<string> {
  say(`waiting for a title in ${path}`);
  for (let waited = 0; waited < TITLE_LIMIT_MS; waited += 200) {
    const title = readOptional(path);
    if (title !== '' && title !== UNTITLED) return title.trim();
    await sleep(200);
  }
  throw new Error(`nobody wrote a title into ${path} within ${TITLE_LIMIT_MS / 1000} s`);
}

/** An editor that saves by renaming leaves a moment without the file. */
function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linesByFolder(measured: readonly Measured[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { path, lines } of measured) {
    const folder = dirname(path);
    sums.set(folder, (sums.get(folder) ?? 0) + lines);
  }
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function report(title: string, folders: readonly [string, number][]): string {
  const rows = folders.map(([folder, lines]) => `| ${folder} | ${lines} |`);
  return [
    `# ${title}`,
    '',
    '![lines per folder](picture.png)',
    '',
    '| folder | lines |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const titleFile = join(artifacts, 'title.txt');
writeFileSync(titleFile, UNTITLED);
unpack();
const measured = await measure();
build();
const folders = linesByFolder(measured);
writeFileSync(join(artifacts, 'picture.png'), barChart(folders.map(([, lines]) => lines)));
const title = await titleFromUser(titleFile);
writeFileSync(join(artifacts, 'report.md'), report(title, folders));
say(`done: ${title}`);
