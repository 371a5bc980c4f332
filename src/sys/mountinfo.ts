import { readFileSync } from 'node:fs';

/** A line of a process's table of mounts (proc_pid_mountinfo(5)). */
export interface Mount {
  /** Of the mount, in the mount namespace of the process. */
  readonly id: number;
  /** The mount that this one is mounted in. */
  readonly parent: number;
  /** The minor number of its device. */
  readonly minor: number;
  /** What of its file system it shows, raw. */
  readonly root: Buffer;
  /** Where it is mounted, raw. */
  readonly mountpoint: Buffer;
  /** What holds of this mount whatever its type: `ro`, `nosuid` and their like. */
  readonly options: readonly string[];
  readonly type: string;
  readonly source: Buffer;
  /** Options of the file system, in the words of its type. */
  readonly superOptions: readonly string[];
}

/**
 * The table of mounts of a process, `self` or `thread-self`. Where several mounts lie over one
 * another, the topmost is the last. Reads a table of the kernel: touches no mount. Given a path,
 * only lines in which it occurs are parsed, which takes longer than to read them.
 */
export function readMountinfo(process: string, path?: Buffer): Mount[] {
  const table = readFileSync(`/proc/${process}/mountinfo`, 'latin1');
  if (path === undefined) return parseMountinfo(table);
  const text = path.toString('latin1');
  const lines = table.split('\n').filter((line) => unescapeOctal(line).includes(text));
  return lines.flatMap(parseLine);
}

/** Parses a table of mounts that was read as latin1; what is no line of one is left out. */
export const parseMountinfo = (table: string): Mount[] => table.split('\n').flatMap(parseLine);

function parseLine(line: string): Mount[] {
  const [before = '', after = ''] = line.split(' - ');
  const [id, parent, device, root, mountpoint, options = ''] = before.split(' ');
  const [type, source, superOptions = ''] = after.split(' ');
  if (!device || !root || !mountpoint || !type || source === undefined) return [];
  return [
    {
      id: Number(id),
      parent: Number(parent),
      minor: Number(device.split(':')[1]),
      root: decodeOctal(root),
      mountpoint: decodeOctal(mountpoint),
      options: options.split(','),
      type,
      source: decodeOctal(source),
      superOptions: superOptions.split(','),
    },
  ];
}

/** The kernel writes blanks, line ends and backslashes as three octal digits, byte by byte. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));

const decodeOctal = (field: string): Buffer => Buffer.from(unescapeOctal(field), 'latin1');

/** A path as the kernel writes it in the table. */
export const encodeOctal = (path: string): string =>
  path.replace(/[ \t\n\\]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
