"""Runs a program in a pseudo-terminal that answers its questions.

usage: answering-terminal.py COLUMNS ROWS ANSWER COMMAND...

ANSWER, in Python's escapes, is sent when the program asks for the terminal's device attributes
(CSI c). What the program writes goes to standard output, as it is. The terminal is not the one that
controls the program: the kernel hangs such a one up as the program ends, and drops what was not
read by then.
"""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
answer = sys.argv[3].encode().decode("unicode_escape").encode("latin1")
ours, theirs = pty.openpty()
# Of a character in pixels, as some terminals tell the kernel.
width, height = map(int, os.environ.get("CELL", "0x0").split("x"))
size = struct.pack("HHHH", rows, columns, columns * width, rows * height)
fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
program = subprocess.Popen(sys.argv[4:], stdin=theirs, stdout=theirs, stderr=theirs)
os.close(theirs)
written = b""
answered = False
while True:
    try:
        part = os.read(ours, 65536)
    except OSError:
        break
    if not part:
        break
    written += part
    if not answered and b"\x1b[c" in written:
        answered = True
        os.write(ours, answer)
    os.write(1, part)
sys.exit(program.wait())
