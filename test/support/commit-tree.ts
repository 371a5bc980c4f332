import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The tree of each task that is sealed under a reader's eyes: every path, and what the file there
 * holds.
 */
const DIRECTORIES = ['', 'deep', 'deep/deeper'];
const FILES_EACH = 40;

export const namesIn = (directory: string): string[] => [
  ...DIRECTORIES.filter((path) => path !== '' && parentOf(path) === directory).map(lastName),
  ...Array.from({ length: FILES_EACH }, (_, number) => `file-${number}`),
];

const parentOf = (path: string): string => path.split('/').slice(0, -1).join('/');
const lastName = (path: string): string => path.split('/').at(-1) ?? '';

/** Some of several chunks, most of a line. */
export const contentOf = (task: string, path: string): Buffer =>
  Buffer.alloc(path.endsWith('-0') ? 150_000 : 40, `${task} ${path}\n`);

export function makeTree(top: string, task: string): void {
  for (const directory of DIRECTORIES) {
    if (directory !== '') mkdirSync(join(top, directory));
    for (let number = 0; number < FILES_EACH; number++) {
      const path = join(directory, `file-${number}`);
      writeFileSync(join(top, path), contentOf(task, path));
    }
  }
}

export const directories: readonly string[] = DIRECTORIES;
export const roundName = (round: number): string => `round-${round}`;
