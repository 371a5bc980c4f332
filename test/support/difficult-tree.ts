import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/**
 * Made by a shell: names, links, times, modes, attributes and holes that archives are known to
 * lose.
 */
const SCRIPT = String.raw`
set -eu
mkdir -p a/b/c empty 'name with spaces' mode
printf nested > a/b/c/deep.txt
printf 'top\n' > top.md
printf '' > nothing
ln top.md a/hard
ln -s top.md link
ln -s /etc/passwd outside
ln -s missing dangling
printf raw > "$(printf 'raw\377\376name')"
printf nl > "$(printf 'new\nline')"
printf q > ./-dash
printf l > "$(printf 'n%.0s' $(seq 255))"
mkdir -p "$(printf 'd%.0s' $(seq 200))/$(printf 'é%.0s' $(seq 100))"
printf long > "$(printf 'd%.0s' $(seq 200))/$(printf 'é%.0s' $(seq 100))/f"
ln -s "$(printf 't%.0s' $(seq 300))" longlink
printf secret > mode/0000 && chmod 0000 mode/0000
printf s > mode/4755 && chmod 4755 mode/4755
mkdir mode/sticky && chmod 1777 mode/sticky
touch -d '1999-12-31 23:59:59.123456789 UTC' top.md a/b
touch -d '1960-01-01 00:00:00 UTC' nothing
touch -h -d '2001-02-03 04:05:06.789 UTC' link
setfattr -n user.comment -v 'a comment' top.md
setfattr -n user.bin -v 0x00ff0a3d a/b
truncate -s 20M sparse
printf begin | dd of=sparse conv=notrunc status=none
printf middle | dd of=sparse bs=1 seek=9000000 conv=notrunc status=none
truncate -s 5M allhole
mkfifo pipe
`;

/** Fills a directory with what is difficult to archive. */
export function makeDifficultTree(directory: string): void {
  execFileSync('bash', ['-c', SCRIPT], { cwd: directory });
  writeFileSync(`${directory}/big`, Buffer.alloc(5_000_000, 'taskfs'));
}

/**
 * What find(1) says of every name beneath a directory: path, type, mode, mtime, target, links,
 * size.
 */
export function describeTree(directory: string, leaveOut: readonly string[] = []): string[] {
  const format = '%P\\t%y\\t%m\\t%T@\\t%l\\t%n\\t%s\\0';
  const output = execFileSync('find', ['.', '-printf', format], { cwd: directory });
  return output
    .toString('latin1')
    .split('\0')
    .filter((line) => line !== '' && !leaveOut.includes(line.slice(0, line.indexOf('\t'))))
    .map((line) => line.replace(/\td\t(.*)\t\d+$/, '\td\t$1'))
    .sort();
}

/**
 * The sha256 of every regular file that may be read, by sha256sum(1), and every user attribute, by
 * getfattr(1).
 */
export function describeContents(directory: string): { hashes: string; attributes: string } {
  const run = (command: string): string =>
    execFileSync('bash', ['-c', command], { cwd: directory }).toString('latin1');
  return {
    hashes: run('find . -type f -readable -print0 | sort -z | xargs -0 sha256sum -z'),
    attributes: run(
      'find . -type f -print0 -o -type d -print0 | sort -z | ' +
        'xargs -0 getfattr -h -e hex -d -m user --',
    ),
  };
}
