import { closeSync, constants, openSync } from 'node:fs';
import { bindLazily, check } from './libc.ts';

/**
 * Terminals, also pseudo-terminals as of pty(7); requests of ioctl(2) as <asm-generic/ioctls.h>
 * numbers them.
 */

const c = { ioctl: bindLazily('int ioctl(int, unsigned long, void *)') };

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCGWINSZ = 0x5413;
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

/** The size of a character of a terminal in pixels; undefined where that is not known. */
export function characterSize(fd: number): { width: number; height: number } | undefined {
  const size = Buffer.alloc(WINSIZE_BYTES);
  check(c.ioctl(fd, TIOCGWINSZ, size));
  const [rows = 0, columns = 0, width = 0, height = 0] = [0, 2, 4, 6].map((at) =>
    size.readUInt16LE(at),
  );
  if (rows === 0 || columns === 0 || width < columns || height < rows) return undefined;
  return { width: Math.floor(width / columns), height: Math.floor(height / rows) };
}
