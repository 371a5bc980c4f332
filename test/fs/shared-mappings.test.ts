import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAttached, type MountedStore, openMount, variants } from '../support/mount.ts';

const MAP = `
import mmap, sys
with open('file', sys.argv[1]) as file:
    access = mmap.PROT_READ | (mmap.PROT_WRITE if '+' in sys.argv[1] else 0)
    kind = mmap.MAP_SHARED if sys.argv[2] == 'shared' else mmap.MAP_PRIVATE
    try:
        memory = mmap.mmap(file.fileno(), 0, kind, access)
        first = memory[0:5]
        if len(sys.argv) > 3:
            open(sys.argv[3], 'r+b').write(b'later')
            first += open('file', 'rb').read(5) + memory[0:5]
        print(first.decode())
    except OSError as error:
        print(error.errno)
`;
const ENODEV = '19\n';

/** A row by each side in turn, of a database in rollback mode and then in WAL mode. */
const SQLITE = `
rows() { for i in 1 2 3 4 5; do
  sqlite3 -cmd '.timeout 20000' "$1/db" "insert into t values('$1')" || echo refused; done; }
sqlite3 "$1/db" 'create table t(who)'
rows "$1" & rows "$2" & wait
sqlite3 "$1/db" 'select count(*) from t' 'pragma integrity_check' 'pragma journal_mode=wal'
sqlite3 "$2/db" 'select count(*) from t' > /dev/null 2>&1 || echo refused
`;

const BUILD = `
printf 'int two(void) { return 2; }' > two.c
printf '#include <stdio.h>\\nint two(void);\\n' > main.c
printf 'int main(void) { return printf("%%d\\\\n", two()) < 0; }\\n' >> main.c
gcc -c two.c main.c && ar rc lib.a two.o
for linker in bfd gold; do gcc -fuse-ld=$linker -o main main.o lib.a && ./main; done
`;

const kernel = variants.filter(
  (variant) => variant.options.driver === 'kernel' && !isAttached(variant),
);

describe.each(kernel)('mappings of live files ($name)', (variant) => {
  let mount: MountedStore;
  let live = '';
  let staging = '';
  beforeAll(async () => {
    mount = await openMount(variant);
    live = join(mount.mountpoint, 'live/one');
    staging = join(mount.store.staging, 'one');
    await mount.run('sh', ['-c', 'printf first > "$0/file"', staging]);
  });
  afterAll(() => mount?.close());
  const map = (...args: string[]): Promise<string> =>
    mount.run('python3', ['-c', MAP, ...args], { cwd: live });

  test('are refused where they are shared and may be written: there are two caches', async () => {
    expect(await map('r+b', 'shared')).toBe(ENODEV);
    expect(await map('r+b', 'private')).toBe('first\n');
    expect(await map('rb', 'shared')).toBe('first\n');
  });

  test('show what is written in staging and through the mount, if only read', async () => {
    for (const side of [staging, live]) {
      await mount.run('sh', ['-c', 'printf first > "$0/file"', staging]);
      expect(await map('rb', 'shared', join(side, 'file'))).toBe('firstlaterlater\n');
    }
  });

  test('SQLite loses no row: rollback mode writes on both sides, WAL is refused', async () => {
    const told = await mount.run('bash', ['-c', SQLITE, 'sh', staging, live]);
    expect(told).toBe('10\nok\nwal\nrefused\n');
  });

  test('compilers, linkers and what they made work', async () => {
    expect(await mount.run('bash', ['-ec', BUILD], { cwd: live })).toBe('2\n2\n');
  });
});

test('are had by who asks for them', async () => {
  const [variant] = kernel;
  if (!variant) throw new Error('there is a plain user at least');
  const mount = await openMount({ ...variant, options: { ...variant.options, sharedMmap: true } });
  try {
    const live = join(mount.mountpoint, 'live/one');
    await mount.run('sh', ['-c', 'printf first > "$0/file"', live]);
    const args = ['-c', MAP, 'r+b', 'shared'];
    expect(await mount.run('python3', args, { cwd: live })).toBe('first\n');
  } finally {
    await mount.close();
  }
});
