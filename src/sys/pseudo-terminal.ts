import { closeSync, constants, openSync } from 'node:fs';
import { bindLazily, check } from './libc.ts';

/** Pseudo-terminals, as of pty(7); requests of ioctl(2) as <asm-generic/ioctls.h> numbers them. */

const c = { ioctl: bindLazily('int ioctl(int, unsigned long, void *)') };

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;

/** Bytes of `struct winsize`: rows, columns, and the two in pixels, 16 bits each. */
const WINSIZE_BYTES = 8;

/** A terminal that is a program's on one side, and this process's on the other. */
export interface PseudoTerminal {
  /** The descriptor of this process's side. */
  readonly master: number;
  /** The path of the other side: a terminal like any other. */
  readonly path: string;
}

/** Opens a new one. Throws Errno, or the error of Node, where there are none left. */
export function openPseudoTerminal(): PseudoTerminal {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    const number = Buffer.alloc(4);
    check(c.ioctl(master, TIOCSPTLCK, Buffer.alloc(4)));
    check(c.ioctl(master, TIOCGPTN, number));
    return { master, path: `/dev/pts/${number.readUInt32LE()}` };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

/**
 * Sets the size of a terminal in characters;
 * what runs in its foreground gets SIGWINCH where it changes.
 */
export function setTerminalSize(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(WINSIZE_BYTES);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(c.ioctl(fd, TIOCSWINSZ, size));
}
