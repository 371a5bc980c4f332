import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fileSystemOf } from '../../src/sys/index.ts';
import { openMount, variants } from '../support/mount.ts';

const SIZE = 16 * 1024;

/**
 * Reads files through the mount, each in a directory of its own, often enough to have their pages
 * kept and their opening deferred, and again after a change beneath, another one for each. Prints
 * whether another open kept the pages of an unchanged one, whether one was deferred, then what was
 * read: after changes, and of files that were removed or replaced once they were open.
 */
const PROGRAM = `
import ctypes, mmap, os, sys, time
live, beneath, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
libc = ctypes.CDLL(None)
names = ['same', 'warm', 'stored', 'mapped', 'linked', 'written', 'truncated', 'replaced']
names += ['gone', 'lost', 'fleeting', 'renewed']
def at(root, name): return f'{root}/{name}/file'
def read(name):
    with open(at(live, name), 'rb') as file: return file.read()
def start(name): return read(name)[0:1].decode()
def mapped(name):
    file = open(at(beneath, name), 'r+b')
    return file, mmap.mmap(file.fileno(), 0)
def opened(name): return os.open(at(live, name), os.O_RDONLY)
def content(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    return os.pread(fd, 1, 0).decode()
IN_OPEN, IN_NONBLOCK = 0x20, 0o4000
def watch(name):
    watcher = libc.inotify_init1(IN_NONBLOCK)
    libc.inotify_add_watch(watcher, at(beneath, name).encode(), IN_OPEN)
    return watcher
def heard(watcher):
    try: return len(os.read(watcher, 4096)) > 0
    except BlockingIOError: return False

for name in names:
    os.mkdir(f'{beneath}/{name}')
    with open(at(beneath, name), 'wb') as file: file.write(b'a' * size)
for name in names: read(name)
while time.time() - os.stat(at(beneath, names[-1])).st_ctime < 2.1: time.sleep(0.1)
for name in names: read(name), read(name), read(name)

with open(at(live, 'same'), 'rb') as file:
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
os.close(opened('same'))
cached = ctypes.create_string_buffer(size // mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), cached)
print('kept' if all(byte & 1 for byte in cached.raw) else 'dropped')

watcher = watch('warm')
def is_deferred():
    os.close(opened('warm'))
    return not heard(watcher)
print('deferred' if any(is_deferred() for _ in range(200)) else 'opened')
fd = opened('warm')
deadline = time.time() + 20
while not heard(watcher) and time.time() < deadline: time.sleep(0.01)
os.unlink(at(beneath, 'warm'))
print(content(fd))

fd = opened('fleeting')
os.unlink(at(beneath, 'fleeting'))
print(content(fd), os.fstat(fd).st_size)

with open(f'{beneath}/new', 'wb') as file: file.write(b'j' * size)
fd = opened('renewed')
os.rename(f'{beneath}/new', at(beneath, 'renewed'))
print(content(fd))

file, memory = mapped('stored')
memory[0:1] = b'b'
memory.close(); file.close()
print(start('stored'))

file, memory = mapped('mapped')
for letter in (b'c', b'd', b'e'):
    memory[0:1] = letter
    print(start('mapped'))
memory.close(); file.close()

os.link(at(beneath, 'linked'), f'{beneath}/other')
with open(f'{beneath}/other', 'r+b') as file: file.write(b'f')
os.unlink(f'{beneath}/other')
print(start('linked'))

with open(at(live, 'written'), 'r+b') as file: file.write(b'g')
print(start('written'))

os.truncate(at(beneath, 'truncated'), 0)
print(len(read('truncated')))

with open(f'{beneath}/new', 'wb') as file: file.write(b'h' * size)
os.rename(f'{beneath}/new', at(beneath, 'replaced'))
print(start('replaced'))

fd = opened('gone')
os.unlink(at(live, 'gone'))
print(content(fd))

fd = opened('lost')
with open(f'{live}/new', 'wb') as file: file.write(b'i' * size)
os.rename(f'{live}/new', at(live, 'lost'))
print(content(fd), start('lost'), sep='')
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
    const told = await mount.run('/usr/bin/python3', args, { timeout: 90_000 });
    const isDeferred = isDated && variant.options.live !== 'attach';
    expect(told.split('\n')).toEqual([
      isDated ? 'kept' : 'dropped',
      isDeferred ? 'deferred' : 'opened',
      ...['a', `a ${SIZE}`, 'a', 'b', 'c', 'd', 'e', 'f', 'g', '0', 'h', 'a', 'ai', ''],
    ]);
  }, 120_000);
});
