"""
Random operations on one file, checked against a copy in memory: reads and writes by call, by
mapping, past the cache (O_DIRECT) and at the end, truncation, holes, copies within the file.
Arguments: the file, seed, how many. With a second path, of the same file beneath the mount,
operations come from both sides (and none by mapping). Prints how many of each kind were done;
ends with the last operations where what is read is not what was written.
"""
import collections
import ctypes
import mmap
import os
import random
import sys

PATH, SEED, COUNT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SIDES = sys.argv[1:2] + sys.argv[4:5]
LIMIT = 400_000
BLOCK = 4096
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16

choose = random.Random(SEED)
libc = ctypes.CDLL(None, use_errno=True)
model = bytearray()
log = collections.deque(maxlen=30)
done = collections.Counter()
aligned = mmap.mmap(-1, LIMIT + 2 * BLOCK)


def open_all():
    return {
        (side, how): os.open(side, os.O_RDWR | os.O_CREAT | flags, 0o644)
        for side in SIDES
        for how, flags in {"plain": 0, "direct": os.O_DIRECT, "append": os.O_APPEND}.items()
    }


files = open_all()


def fd(how="plain"):
    return files[choose.choice(SIDES), how]


def data(length):
    same = bytes([choose.randrange(1, 256)]) * (length // 2)
    return same + choose.randbytes(length - length // 2)


def extent(limit=LIMIT):
    offset = choose.randrange(limit)
    most = min(limit - offset, choose.choice([100, 10_000, 100_000]))
    return offset, choose.randrange(1, most + 1)


def blocks():
    start = choose.randrange(LIMIT // BLOCK - 1)
    return start * BLOCK, choose.randrange(1, min(16, LIMIT // BLOCK - start) + 1) * BLOCK


def grow(size):
    if size > len(model):
        model.extend(bytes(size - len(model)))


def put(offset, text):
    grow(offset + len(text))
    model[offset : offset + len(text)] = text


def expect(what, seen, meant):
    if seen == meant:
        return
    differ = (at for at, (a, b) in enumerate(zip(seen, meant)) if a != b)
    at = next(differ, min(len(seen), len(meant)))
    print(f"{what}: {len(seen)} bytes, {len(meant)} meant, different at {at}:")
    print(seen[at : at + 20], meant[at : at + 20], *log, sep="\n")
    sys.exit(1)


def write():
    offset, length = extent()
    text = data(length)
    assert os.pwrite(fd(), text, offset) == length
    put(offset, text)
    return offset, length


def append():
    text = data(choose.randrange(1, 3000))
    if len(model) + len(text) > LIMIT:
        return None
    assert os.write(fd("append"), text) == len(text)
    put(len(model), text)
    return len(text)


def write_direct():
    offset, length = blocks()
    text = data(length)
    aligned[:length] = text
    assert os.pwritev(fd("direct"), [memoryview(aligned)[:length]], offset) == length
    put(offset, text)
    return offset, length


def read():
    offset, length = extent()
    meant = bytes(model[offset : offset + length])
    expect(f"read {offset} {length}", os.pread(fd(), length, offset), meant)
    return offset, length


def read_direct():
    offset, length = blocks()
    count = os.preadv(fd("direct"), [memoryview(aligned)[:length]], offset)
    expect(f"direct {offset} {length}", aligned[:count], bytes(model[offset : offset + length]))
    return offset, length


def mapped(change):
    if len(SIDES) > 1 or not model:
        return None
    offset, length = extent(len(model))
    with mmap.mmap(fd(), len(model)) as memory:
        if change:
            text = data(length)
            memory[offset : offset + length] = text
            put(offset, text)
            if choose.random() < 0.5:
                memory.flush()
        else:
            meant = bytes(model[offset : offset + length])
            expect(f"mapped {offset} {length}", memory[offset : offset + length], meant)
    return offset, length


def truncate():
    size = choose.randrange(LIMIT)
    if choose.random() < 0.5:
        os.ftruncate(fd(), size)
    else:
        os.truncate(choose.choice(SIDES), size)
    grow(size)
    del model[size:]
    return size


def allocate(mode):
    offset, length = extent()
    if libc.fallocate(fd(), mode, ctypes.c_int64(offset), ctypes.c_int64(length)) != 0:
        raise OSError(ctypes.get_errno(), "fallocate")
    if not mode & KEEP_SIZE:
        grow(offset + length)
    if mode & (PUNCH_HOLE | ZERO_RANGE):
        end = min(offset + length, len(model))
        if offset < end:
            model[offset:end] = bytes(end - offset)
    return offset, length


def copy():
    if not model:
        return None
    source, length = extent(len(model))
    target = choose.randrange(LIMIT - length)
    if abs(source - target) < length:
        return None
    file = fd()
    # As whoever copies does; it also tells a mount of what grew beneath.
    os.fstat(file)
    count = os.copy_file_range(file, file, length, source, target)
    put(target, bytes(model[source : source + count]))
    return source, target, count


def sync():
    choose.choice([os.fsync, os.fdatasync])(fd())


def forget():
    os.posix_fadvise(fd(), 0, 0, os.POSIX_FADV_DONTNEED)


def reopen():
    global files
    for file in files.values():
        os.close(file)
    files = open_all()


ACTIONS = {
    "write": (write, 6),
    "append": (append, 2),
    "write_direct": (write_direct, 2),
    "read": (read, 6),
    "read_direct": (read_direct, 2),
    "write_mapped": (lambda: mapped(True), 4),
    "read_mapped": (lambda: mapped(False), 4),
    "truncate": (truncate, 3),
    "allocate": (lambda: allocate(choose.choice([0, KEEP_SIZE])), 1),
    "punch": (lambda: allocate(PUNCH_HOLE | KEEP_SIZE), 2),
    "zero": (lambda: allocate(choose.choice([ZERO_RANGE, ZERO_RANGE | KEEP_SIZE])), 1),
    "copy": (copy, 2),
    "sync": (sync, 1),
    "forget": (forget, 1),
    "reopen": (reopen, 1),
}

names = [name for name, (_, weight) in ACTIONS.items() for _ in range(weight)]
for at in range(COUNT):
    name = choose.choice(names)
    log.append(f"{at} {name}")
    result = ACTIONS[name][0]()
    log[-1] += f" {result}"
    done[name] += 1
    expect(f"size after {name}", str(os.fstat(fd()).st_size), str(len(model)))
for side in SIDES:
    with open(side, "rb") as file:
        expect("at the end", file.read(), bytes(model))
print(*(f"{name} {count}" for name, count in sorted(done.items())), sep=", ")
