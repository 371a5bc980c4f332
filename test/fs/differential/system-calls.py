"""
System calls that Node has no functions for, or that want processes of their own. Run by
system-calls.ts in an empty directory with the name of one of the functions below; prints what
each call answered, in words that are the same on every file system that does its duty.
"""
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

IS_ROOT = os.geteuid() == 0


def attempt(label, action):
    try:
        result = action()
        print(label + ":", "ok" if result is None else result)
        return result
    except OSError as error:
        print(label + ":", errno.errorcode.get(error.errno, error.errno))
    except ValueError as error:
        print(label + ":", "ValueError", error)


def show(path_or_fd, label=None):
    found = os.stat(path_or_fd)
    words = [oct(found.st_mode), found.st_nlink, found.st_uid, found.st_gid]
    if stat.S_ISREG(found.st_mode):
        words.append(found.st_size)
    print(" ", label or path_or_fd, *words)


def content(path):
    with open(path, "rb") as file:
        text = file.read()
    print("  content:", text if len(text) < 100 else (len(text), hash_of(text)))


def hash_of(text):
    total = 0
    for byte in text:
        total = (total * 31 + byte) % 1000003
    return total


def make(path, text=b"content", mode=0o644):
    with open(path, "wb") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def in_child(action):
    """Runs an action in a process of its own; tells how that ended."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            action()
            sys.stdout.flush()
            os._exit(0)
        finally:
            os._exit(9)
    _, status = os.waitpid(pid, 0)
    print("  child:", "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else status)


def running_program():
    with open("/bin/sleep", "rb") as file:
        make("program", file.read(), 0o755)
    child = subprocess.Popen(["./program", "60"])
    while os.readlink("/proc/%d/exe" % child.pid) != os.path.realpath("program"):
        time.sleep(0.01)
    try:
        for name, flags in {
            "write": os.O_WRONLY,
            "both": os.O_RDWR,
            "truncate": os.O_WRONLY | os.O_TRUNC,
            "append": os.O_WRONLY | os.O_APPEND,
            "read": os.O_RDONLY,
        }.items():
            attempt("open to " + name, lambda: os.close(os.open("program", flags)))
            show("program")
        attempt("truncate", lambda: os.truncate("program", 5))
        show("program")
        attempt("chmod", lambda: os.chmod("program", 0o700))
        attempt("link", lambda: os.link("program", "other"))
        make("new", b"#!/bin/sh\n", 0o755)
        attempt("rename over it", lambda: os.rename("new", "program"))
        attempt("open its other name", lambda: os.close(os.open("other", os.O_WRONLY)))
        attempt("unlink", lambda: os.unlink("other"))
        print("still runs:", child.poll() is None)
    finally:
        child.kill()
        child.wait()


def capabilities():
    if not IS_ROOT:
        print("for root only")
        return
    name = "security.capability"
    value = bytes([1, 0, 0, 2, 0, 4, 0, 0]) + bytes(12)
    actions = {
        "nothing": lambda fd: None,
        "write": lambda fd: os.write(fd, b"x"),
        "append": lambda fd: (os.lseek(fd, 0, os.SEEK_END), os.write(fd, b"x")) and None,
        "write nothing": lambda fd: os.write(fd, b""),
        "ftruncate": lambda fd: os.ftruncate(fd, 3),
        "truncate": lambda fd: os.truncate("f", 3),
        "truncate to its size": lambda fd: os.truncate("f", 7),
        "open to truncate": lambda fd: os.close(os.open("f", os.O_WRONLY | os.O_TRUNC)),
        "fallocate": lambda fd: os.posix_fallocate(fd, 0, 100),
        "chmod": lambda fd: os.chmod("f", 0o600),
        "chown": lambda fd: os.chown("f", 65534, -1),
        "chown to nobody": lambda fd: os.chown("f", -1, -1),
        "utime": lambda fd: os.utime("f"),
        "link": lambda fd: os.link("f", "g"),
        "rename": lambda fd: os.rename("f", "h") or os.rename("h", "f"),
        "copy": lambda fd: os.copy_file_range(os.open("other", os.O_RDONLY), fd, 5),
    }
    make("other")
    for label, action in actions.items():
        make("f")
        attempt("set", lambda: os.setxattr("f", name, value))
        fd = os.open("f", os.O_RDWR)
        attempt(label, lambda: action(fd))
        os.close(fd)
        print("  has it:", name in os.listxattr("f"))
        os.unlink("f")


def limits():
    def act():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
        fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
        attempt("within", lambda: os.write(fd, b"a" * 9000))
        attempt("across", lambda: os.write(fd, b"b" * 3000))
        attempt("beyond", lambda: os.write(fd, b"c"))
        attempt("pwrite far beyond", lambda: os.pwrite(fd, b"d", 1 << 33))
        attempt("ftruncate", lambda: os.ftruncate(fd, 20000))
        attempt("truncate", lambda: os.truncate("f", 10001))
        attempt("truncate to the limit", lambda: os.truncate("f", 10000))
        attempt("fallocate", lambda: os.posix_fallocate(fd, 0, 20000))
        attempt("copy", lambda: os.copy_file_range(fd, fd, 5000, 0, 8000))
        appending = os.open("f", os.O_WRONLY | os.O_APPEND)
        attempt("append", lambda: os.write(appending, b"e"))
        show(fd, "f")
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.write(fd, b"f")
        print("not reached")

    in_child(act)
    content("f")


def unlinked():
    make("f", b"0123456789")
    fd = os.open("f", os.O_RDWR)
    os.unlink("f")
    path = "/proc/self/fd/%d" % fd
    for label, action in {
        "fchmod": lambda: os.fchmod(fd, 0o2640),
        "chmod by proc": lambda: os.chmod(path, 0o600),
        "fchown": lambda: os.fchown(fd, os.geteuid(), os.getegid()),
        "futimens": lambda: os.utime(fd, ns=(5, 7)),
        "times": lambda: str((os.fstat(fd).st_atime_ns, os.fstat(fd).st_mtime_ns)),
        "write": lambda: os.pwrite(fd, b"written", 100),
        "read": lambda: os.pread(fd, 10, 98),
        "ftruncate": lambda: os.ftruncate(fd, 102),
        "truncate by proc": lambda: os.truncate(path, 50),
        "fallocate": lambda: os.posix_fallocate(fd, 0, 5000),
        "setxattr": lambda: os.setxattr(fd, "user.a", b"1"),
        "getxattr": lambda: os.getxattr(fd, "user.a"),
        "listxattr": lambda: os.listxattr(fd),
        "removexattr": lambda: os.removexattr(fd, "user.a"),
        "link by proc": lambda: os.link(path, "again", src_dir_fd=0, follow_symlinks=True),
        "open by proc": lambda: os.close(os.open(path, os.O_RDWR)),
        "truncate by opening": lambda: os.close(os.open(path, os.O_WRONLY | os.O_TRUNC)),
        "flock": lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
        "lockf": lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 5),
        "fsync": lambda: os.fsync(fd),
        "name": lambda: os.path.basename(os.readlink(path)),
    }.items():
        attempt(label, action)
        show(fd, "f")
    os.mkdir("d")
    directory = os.open("d", os.O_RDONLY)
    os.rmdir("d")
    for label, action in {
        "list": lambda: os.listdir(directory),
        "create": lambda: os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=directory)),
        "mkdir": lambda: os.mkdir("x", dir_fd=directory),
        "link": lambda: os.link(path, "x", dst_dir_fd=directory),
        "stat": lambda: os.stat("x", dir_fd=directory) and None,
        "chmod": lambda: os.fchmod(directory, 0o711),
        "utime": lambda: os.utime(directory, ns=(5, 7)),
        "setxattr": lambda: os.setxattr(directory, "user.a", b"1"),
        "fchdir": lambda: os.fchdir(directory),
        "getcwd": lambda: os.getcwd(),
        "stat of dot": lambda: os.stat(".") and None,
        "open dot": lambda: os.close(os.open(".", os.O_RDONLY)),
        "fsync": lambda: os.fsync(directory),
    }.items():
        attempt(label, action)
        show(directory, "d")


def sockets():
    server = socket.socket(socket.AF_UNIX)
    attempt("bind", lambda: server.bind("s"))
    show("s")
    attempt("bind another", lambda: socket.socket(socket.AF_UNIX).bind("s"))
    attempt("too early", lambda: socket.socket(socket.AF_UNIX).connect("s"))
    server.listen(5)

    def talk(path):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        client.send(b"hello")
        return server.accept()[0].recv(10)

    attempt("connect", lambda: talk("s"))
    os.rename("s", "moved")
    attempt("connect after a rename", lambda: talk("moved"))
    attempt("by the old name", lambda: talk("s"))
    os.link("moved", "linked")
    attempt("by a link", lambda: talk("linked"))
    os.symlink("linked", "symlinked")
    attempt("by a symlink", lambda: talk("symlinked"))
    attempt("open", lambda: os.close(os.open("moved", os.O_RDWR)))
    make("file")
    attempt("a file", lambda: talk("file"))
    os.unlink("moved")
    os.unlink("linked")
    attempt("unlinked", lambda: talk("symlinked"))
    receiver, sender = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in "12")
    receiver.bind("datagrams")
    attempt("send", lambda: sender.sendto(b"hello", "datagrams"))
    attempt("receive", lambda: receiver.recv(10))


def socket_that_may_not_be_written():
    server = socket.socket(socket.AF_UNIX)
    server.bind("s")
    server.listen(5)
    os.chmod("s", 0o500)
    attempt("connect", lambda: socket.socket(socket.AF_UNIX).connect("s"))


def pipes():
    os.mkfifo("p", 0o640)
    for label, flags in {"read": os.O_RDONLY, "write": os.O_WRONLY, "both": os.O_RDWR}.items():
        attempt("open to " + label, lambda: os.close(os.open("p", flags | os.O_NONBLOCK)))
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        with open("p", "wb") as pipe:
            pipe.write(b"from another process")
        os._exit(0)
    with open("p", "rb") as pipe:
        attempt("read", pipe.read)
    os.waitpid(pid, 0)
    fd = os.open("p", os.O_RDWR | os.O_NONBLOCK)
    os.write(fd, b"kept")
    os.rename("p", "q")
    os.link("q", "r")
    attempt("through another name", lambda: os.read(os.open("r", os.O_RDONLY | os.O_NONBLOCK), 9))
    attempt("nothing there", lambda: os.read(fd, 9))
    attempt("seek", lambda: os.lseek(fd, 0, 0))
    attempt("truncate", lambda: os.truncate("q", 0))
    attempt("fsync", lambda: os.fsync(fd))
    show("q")


def positions():
    fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o644)
    twin = os.dup(fd)
    for label, action in {
        "write": lambda: os.write(fd, b"0123456789"),
        "position of the twin": lambda: os.lseek(twin, 0, 1),
        "write vectors": lambda: os.writev(fd, [b"a", b"", b"bc"]),
        "pwrite vectors": lambda: os.pwritev(fd, [b"A", b"BC"], 20),
        "at their end": lambda: os.pwritev(fd, [b"end"], 0, os.RWF_APPEND),
        "synchronously": lambda: os.pwritev(fd, [b"s"], 1, os.RWF_DSYNC),
        "position": lambda: os.lseek(fd, 0, 1),
        "read at the end": lambda: os.pread(fd, 10, 26),
        "read across the end": lambda: os.pread(fd, 10, 24),
        "read beyond": lambda: os.pread(fd, 10, 1 << 40),
        "read nothing": lambda: os.pread(fd, 0, 0),
        "read vectors": lambda: os.preadv(fd, [bytearray(3), bytearray(5)], 0),
        "read before the start": lambda: os.pread(fd, 1, -1),
        "write before the start": lambda: os.pwrite(fd, b"x", -5),
        "write nothing beyond": lambda: os.pwrite(fd, b"", 1000),
        "size": lambda: os.fstat(fd).st_size,
        "seek beyond": lambda: os.lseek(fd, 100, 2),
        "write there": lambda: os.write(fd, b"far"),
        "hole": lambda: os.pread(fd, 4, 60),
        "advise": lambda: os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED),
        "advise nonsense": lambda: os.posix_fadvise(fd, 0, 0, 77),
        "send": lambda: os.sendfile(twin, fd, 0, 5),
        "truncate below the position": lambda: os.ftruncate(fd, 3),
        "read at the position": lambda: os.read(fd, 5),
        "write at the position": lambda: os.write(fd, b"!"),
    }.items():
        attempt(label, action)
    content("f")
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    print(oct(flags & ~0o100000))
    attempt("from now on append", lambda: fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_APPEND))
    os.lseek(fd, 0, 0)
    attempt("append", lambda: os.write(fd, b"appended"))
    attempt("append at", lambda: os.pwrite(fd, b"also", 0))
    attempt("no more", lambda: fcntl.fcntl(fd, fcntl.F_SETFL, flags))
    attempt("at the start", lambda: os.pwrite(fd, b"start", 0))
    content("f")
    read, write = os.pipe()
    os.write(write, b"through a pipe")
    os.lseek(fd, 3, 0)
    attempt("splice in", lambda: os.splice(read, fd, 14))
    os.lseek(fd, 5, 0)
    attempt("splice out", lambda: os.splice(fd, write, 6))
    attempt("read it", lambda: os.read(read, 20))
    content("f")


def mapping():
    make("f", b"a" * 5000)
    fd = os.open("f", os.O_RDWR)
    whole = mmap.mmap(fd, 0)
    whole[10:14] = b"here"
    print(os.pread(fd, 4, 10))
    os.pwrite(fd, b"there", 20)
    print(whole[20:25])
    for label, action in {
        "written by reading only": lambda: mmap.mmap(os.open("f", os.O_RDONLY), 100),
        "read by writing only": lambda: mmap.mmap(
            os.open("f", os.O_WRONLY), 100, prot=mmap.PROT_READ
        ),
        "privately": lambda: mmap.mmap(
            os.open("f", os.O_RDONLY), 100, flags=mmap.MAP_PRIVATE, prot=3
        ),
        "appending": lambda: mmap.mmap(os.open("f", os.O_RDWR | os.O_APPEND), 100),
        "to run": lambda: mmap.mmap(os.open("f", os.O_RDONLY), 100, prot=5),
        "a directory": lambda: mmap.mmap(os.open(".", os.O_RDONLY), 100, prot=1),
        "beyond the end": lambda: mmap.mmap(fd, 4096, offset=1 << 30, prot=1),
    }.items():
        attempt(label, lambda: action().close())
    private = mmap.mmap(fd, 100, flags=mmap.MAP_PRIVATE)
    private[0:7] = b"private"
    print(os.pread(fd, 7, 0))
    os.ftruncate(fd, 20000)
    grown = mmap.mmap(fd, 20000)
    grown[19990:20000] = b"0123456789"
    grown.flush()
    print(os.pread(fd, 20, 19985))

    def touch(offset):
        def act():
            os.ftruncate(fd, 4097)
            grown[offset]

        return act

    in_child(touch(4000))
    in_child(touch(4098))
    in_child(touch(8192))
    os.ftruncate(fd, 20000)
    print(grown[4097:4100], grown[19990:19993])
    grown[:] = b"z" * 20000
    grown.flush()
    attempt("punch by advice", lambda: grown.madvise(mmap.MADV_REMOVE, 4096, 8192))
    print(hash_of(os.pread(fd, 20000, 0)), hash_of(grown[:]))
    os.unlink("f")
    grown[0:4] = b"last"
    grown.flush()
    print(os.pread(fd, 4, 0))


def descriptors_of_directories():
    os.makedirs("a/b")
    make("a/b/f")
    a, b = os.open("a", os.O_RDONLY), os.open("a/b", os.O_PATH)
    os.rename("a", "moved")
    attempt("open below", lambda: os.close(os.open("b/f", os.O_RDONLY, dir_fd=a)))
    os.rename("moved/b", "b")
    attempt("no longer below", lambda: os.close(os.open("b/f", os.O_RDONLY, dir_fd=a)))
    attempt("create", lambda: os.close(os.open("g", os.O_CREAT | os.O_EXCL, dir_fd=b)))
    attempt("above", lambda: sorted(os.listdir(os.open("..", os.O_RDONLY, dir_fd=b))))
    attempt("rename", lambda: os.rename("g", "h", src_dir_fd=b, dst_dir_fd=a))
    attempt("link", lambda: os.link("f", "k", src_dir_fd=b, dst_dir_fd=a))
    attempt("symlink", lambda: os.symlink("../b", "l", dir_fd=a))
    attempt("readlink", lambda: os.readlink("l", dir_fd=a))
    attempt("through it", lambda: os.stat("l/f", dir_fd=a).st_nlink)
    attempt("not through it", lambda: os.close(os.open("l", os.O_NOFOLLOW, dir_fd=a)))
    attempt("chmod", lambda: os.chmod("h", 0o600, dir_fd=a))
    attempt("list by path only", lambda: os.listdir(b))
    attempt("fchdir", lambda: os.fchdir(b))
    print(os.path.basename(os.getcwd()), sorted(os.listdir(".")))
    os.rename("../b", "../c")
    print(os.path.basename(os.getcwd()), sorted(os.listdir("..")))
    attempt("rmdir of dot", lambda: os.rmdir("."))
    attempt("rmdir of a full one", lambda: os.rmdir("../c"))
    attempt("unlink a directory", lambda: os.unlink("../c"))
    for name, fd in {"moved": a, "c": b}.items():
        show(fd, name)


def leases():
    make("f")
    fd, reading = os.open("f", os.O_RDWR), os.open("f", os.O_RDONLY)
    for label, on, kind in [
        ("to write, open twice", fd, fcntl.F_WRLCK),
        ("to read, of a writer", fd, fcntl.F_RDLCK),
    ]:
        attempt(label, lambda: fcntl.fcntl(on, fcntl.F_SETLEASE, kind))
    os.close(fd)
    attempt("to read", lambda: fcntl.fcntl(reading, fcntl.F_SETLEASE, fcntl.F_RDLCK))
    attempt("which", lambda: fcntl.fcntl(reading, fcntl.F_GETLEASE))
    attempt(
        "open to write", lambda: os.close(os.open("f", os.O_WRONLY | os.O_NONBLOCK))
    )
    attempt("give up", lambda: fcntl.fcntl(reading, fcntl.F_SETLEASE, fcntl.F_UNLCK))
    attempt("open to write", lambda: os.close(os.open("f", os.O_WRONLY)))
    attempt("of a directory", lambda: fcntl.fcntl(os.open(".", 0), fcntl.F_SETLEASE, 0))


if __name__ == "__main__":
    signal.alarm(60)
    # A lease that is broken tells its holder so.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    globals()[sys.argv[1]]()
