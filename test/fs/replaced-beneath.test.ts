import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isAttached, openMount, variants } from '../support/mount.ts';

/**
 * Replaces a file beneath by rename(2), as fast as that goes, while another process uses it on the
 * mount by its path and by descriptors. Prints what was refused, what was read that is neither the
 * one nor the other content, and whether more than one content was seen.
 */
const PROGRAM = `
import errno, os, signal, sys
live, beneath = sys.argv[1], sys.argv[2]
path, SIZE, ROUNDS = f'{live}/file', 20000, 80
def replace(number):
    with open(f'{beneath}/new', 'wb') as file: file.write(b'%05d' % number * (SIZE // 5))
    os.rename(f'{beneath}/new', f'{beneath}/file')
replace(0)
replacer = os.fork()
if replacer == 0:
    for number in range(1, 10**6): replace(number % 10**5)
refused, torn, seen = set(), 0, set()
def attempt(call):
    try: return call()
    except OSError as error: refused.add(f'{call.__name__} {errno.errorcode[error.errno]}')
def read():
    fd = os.open(path, os.O_RDONLY)
    try: return os.fstat(fd).st_size, os.read(fd, 2 * SIZE)
    finally: os.close(fd)
def pinned():
    fd = os.open(path, os.O_PATH)
    try: os.fstat(fd)
    finally: os.close(fd)
def write(): os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
def chmod(): os.chmod(path, 0o640)
def access():
    if not os.access(path, os.R_OK): raise OSError(errno.ESTALE, path)
def attributes(): os.listxattr(path)
try:
    for _ in range(ROUNDS):
        size, content = attempt(read) or (SIZE, b'')
        if content: seen.add(content[:5])
        if content and (size, content) != (SIZE, content[:5] * (SIZE // 5)): torn += 1
        for call in (pinned, write, chmod, access, attributes): attempt(call)
finally:
    os.kill(replacer, signal.SIGKILL)
print(sorted(refused), torn, len(seen) > 1)
`;

// Who serves makes no difference.
const [served] = variants.filter(
  (variant) => variant.options.driver === 'kernel' && !isAttached(variant),
);

test.each(served ? [served] : [])(
  'a file that is replaced beneath all the time is always one or the other ($name)',
  async (variant) => {
    const mount = await openMount(variant);
    onTestFinished(() => mount.close());
    const live = join(mount.mountpoint, 'live/one');
    const args = ['-c', PROGRAM, live, join(mount.store.staging, 'one')];
    expect(await mount.run('/usr/bin/python3', args)).toBe('[] 0 True\n');
  },
);
