import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fileSystemOf } from '../../src/sys/index.ts';
import { openMount, variants } from '../support/mount.ts';

const SIZE = 16 * 1024;

/**
 * Reads files through the mount, often enough to have their pages kept, and again after a change
 * beneath, another one for each. Prints whether another open kept the pages of an unchanged one,
 * then what was read.
 */
const PROGRAM = `
import ctypes, mmap, os, sys, time
live, beneath, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
names = ['same', 'stored', 'mapped', 'linked', 'written', 'truncated']
def read(name):
    with open(f'{live}/{name}', 'rb') as file: return file.read()
def start(name): return read(name)[0:1].decode()
def mapped(name):
    file = open(f'{beneath}/{name}', 'r+b')
    return file, mmap.mmap(file.fileno(), 0)

for name in names:
    with open(f'{beneath}/{name}', 'wb') as file: file.write(b'a' * size)
while time.time() - os.stat(f'{beneath}/{names[-1]}').st_ctime < 2.1: time.sleep(0.1)
for name in names: read(name), read(name)

with open(f'{live}/same', 'rb') as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
os.close(os.open(f'{live}/same', os.O_RDONLY))
cached = ctypes.create_string_buffer(size // mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
ctypes.CDLL(None).mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), cached)
print('kept' if all(byte & 1 for byte in cached.raw) else 'dropped')

file, memory = mapped('stored')
memory[0:1] = b'b'
memory.close(); file.close()
print(start('stored'))

file, memory = mapped('mapped')
for letter in (b'c', b'd', b'e'):
    memory[0:1] = letter
    print(start('mapped'))
memory.close(); file.close()

os.link(f'{beneath}/linked', f'{beneath}/other')
with open(f'{beneath}/other', 'r+b') as file: file.write(b'f')
os.unlink(f'{beneath}/other')
print(start('linked'))

with open(f'{live}/written', 'r+b') as file: file.write(b'g')
print(start('written'))

os.truncate(f'{beneath}/truncated', 0)
print(len(read('truncated')))
`;

const kernel = variants.filter(({ options }) => options.driver === 'kernel');
const isDated = /^(ext4|xfs|btrfs|f2fs)$/.test(fileSystemOf(process.env.TMPDIR ?? '/tmp').type);

describe.each(kernel)('pages that the kernel keeps ($name)', (variant) => {
  test('are kept while a file stays the same, and never shown once it has changed', async () => {
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    const beneath = join(mount.store.staging, 'one');
    const args = ['-c', PROGRAM, live, beneath, String(SIZE)];
    const told = await mount.run('/usr/bin/python3', args, { timeout: 30_000 });
    expect(told.split('\n')).toEqual([isDated ? 'kept' : 'dropped', ...'bcdefg0', '']);
  }, 40_000);
});
