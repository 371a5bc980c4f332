"""Makes names in a directory while something else is put in their place beneath.

usage: made-for-others.py VICTIM STAGING LIVE SECONDS TIMES (as root)

A child exchanges whatever appears as STAGING/x with a link to root's file VICTIM, at once, while
another user makes LIVE/x anew in every way that there is, for so long and at least so many times.
Prints how often that was done.
"""
import ctypes
import os
import signal
import sys
import time

victim, staging, live, seconds, times = sys.argv[1:6]
USER = 65533
AT_FDCWD = -100
RENAME_EXCHANGE = 2
renameat2 = ctypes.CDLL(None).renameat2


def swap_for_ever():
    os.chdir(staging)
    while True:
        os.link(victim, "link")
        while renameat2(AT_FDCWD, b"link", AT_FDCWD, b"x", RENAME_EXCHANGE):
            pass
        remove("link")


def remove(name):
    for way in (os.unlink, os.rmdir):
        try:
            way(name)
        except OSError:
            pass


def make_anew():
    os.chdir(live)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    ways = [
        lambda: os.mkfifo("x"),
        lambda: os.symlink("nowhere", "x"),
        lambda: os.mkdir("x"),
        lambda: os.close(os.open("x", os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
    ]
    made = 0
    end = time.time() + float(seconds)
    while time.time() < end or made < int(times):
        for way in ways:
            try:
                way()
            except OSError:
                # Something else was there by the time that the kernel looked.
                pass
            made += 1
            remove("x")
    print(made, flush=True)


swapper = os.fork()
if swapper == 0:
    swap_for_ever()
try:
    maker = os.fork()
    if maker == 0:
        make_anew()
        os._exit(0)
    os.waitpid(maker, 0)
finally:
    os.kill(swapper, signal.SIGKILL)
    os.waitpid(swapper, 0)
