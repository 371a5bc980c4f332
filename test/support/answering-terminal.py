"""Runs a program in a pseudo-terminal that answers its questions.

usage: answering-terminal.py COLUMNS ROWS ANSWER COMMAND...

ANSWER, in Python's escapes, is sent when the program asks for the terminal's device attributes
(CSI c). What the program writes goes to standard output, as it is.
"""

import fcntl
import os
import pty
import struct
import sys
import termios

columns, rows = int(sys.argv[1]), int(sys.argv[2])
answer = sys.argv[3].encode().decode("unicode_escape").encode("latin1")
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[4], sys.argv[4:])
written = b""
answered = False
while True:
    try:
        part = os.read(fd, 65536)
    except OSError:
        break
    if not part:
        break
    written += part
    if not answered and b"\x1b[c" in written:
        answered = True
        os.write(fd, answer)
    os.write(1, part)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
