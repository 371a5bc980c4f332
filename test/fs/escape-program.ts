/**
 * The hostile container of escape.test.ts: swaps what lies under fixed names in its staging
 * directory as fast as it can, between what belongs there and what leads outside or blocks.
 * Arguments: the staging directory, the secret's directory, milliseconds. Prints how many swaps.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AT, mknodAt, RENAME_EXCHANGE, renameAt, S_IFCHR, S_IFIFO } from '../../src/sys/index.ts';

/** The number of /dev/urandom: what it gives is never harmless. */
const RANDOM = 0x109;

const [staging, outside, time] = process.argv.slice(2);
if (!staging || !outside || !time) throw new Error('usage: STAGING OUTSIDE MILLISECONDS');
const at = (name: string): string => join(staging, name);

// A directory and a symlink to the secret's, files and symlinks to secrets, files and a pipe or a
// device.
mkdirSync(at('directory'));
writeFileSync(at('directory/secret'), 'harmless');
symlinkSync(outside, at('directory.other'));
writeFileSync(at('file'), 'harmless');
symlinkSync(join(outside, 'secret'), at('file.other'));
writeFileSync(at('large'), 'harmless'.repeat(16_384));
symlinkSync(join(outside, 'large'), at('large.other'));
writeFileSync(at('pipe'), 'harmless');
mknodAt(AT.FDCWD, at('pipe.other'), S_IFIFO | 0o666, 0);
const isRoot = process.geteuid?.() === 0;
if (isRoot) {
  writeFileSync(at('device'), 'harmless');
  mknodAt(AT.FDCWD, at('device.other'), S_IFCHR | 0o666, RANDOM);
}
mkdirSync(at('deep/a/b'), { recursive: true });
writeFileSync(at('deep/a/b/secret'), 'harmless');
mkdirSync(at('deep.other'));
symlinkSync('/', at('deep.other/a'));
writeFileSync(at('ready'), '');

const swapped = ['directory', 'file', 'large', 'pipe', 'deep', ...(isRoot ? ['device'] : [])];
const end = Date.now() + Number(time);
let swaps = 0;
while (Date.now() < end) {
  for (const name of swapped) {
    renameAt(AT.FDCWD, at(name), AT.FDCWD, at(`${name}.other`), RENAME_EXCHANGE);
    swaps++;
  }
  // And a directory that moves away and comes back under another name.
  renameSync(at('deep.other'), at('moving'));
  renameSync(at('moving'), at('deep.other'));
}
rmSync(at('ready'));
process.stdout.write(String(swaps));
