import { isUtf8 } from 'node:buffer';
import { type ArtifactNode, openTree } from '../../artifacts/index.ts';
import { TaskfsError } from '../../errors.ts';
import { showPath } from '../../store/index.ts';
import { isoTime } from '../../sys/index.ts';
import { printableName } from '../../watch/index.ts';
import { addPath, addTask } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { printLine } from '../output.ts';
import { parseCount, showBytes } from '../units.ts';
import { paint } from '../words.ts';

export const command = defineCommand({
  examples: [['taskfs preview build report.md', 'What a file is, and how it begins']],
  about: 'Text is shown as text, with control characters made visible; all else as bytes.',
  build: (parser) =>
    addPath(addTask(addIdentityOptions(parser)), 'A file').option('lines', {
      alias: 'n',
      type: 'string',
      requiresArg: true,
      default: '20',
      describe: 'How many lines',
    }),
  run: async ({ options }) => {
    const lines = parseCount('-n', options.lines, 1);
    const store = openStoreOf(options);
    const { task, path } = options;
    using tree = await openTree(store, task, () => findIdentities(store, options));
    using node = tree.find(path, 'follow');
    const { type, size, mtimeNs } = node.artifact;
    if (type !== 'file') {
      throw new TaskfsError(
        'usage',
        `'${showPath(path)}' of task ${task} is a ${type}, not a file`,
      );
    }
    const { default: mime } = await import('mime');
    const kind = mime.getType(path.toString()) ?? 'unknown type';
    const facts = [printableName(path), kind, showBytes(size), isoTime(mtimeNs)];
    await printLine(paint('dim', facts.join('  ')));
    for (const line of beginning(node, lines)) await printLine(line);
    return 0;
  },
});

/** Enough for a screen of text. */
const HEAD_BYTES = 64 * 1024;

function beginning(node: ArtifactNode, lines: number): string[] {
  const buffer = Buffer.alloc(HEAD_BYTES);
  const head = buffer.subarray(0, node.read(buffer, 0));
  return isText(head) ? textLines(head, lines) : byteLines(head, lines);
}

/** The last bytes may be the beginning of a character that was cut. */
function isText(head: Buffer): boolean {
  if (head.includes(0)) return false;
  return [0, 1, 2, 3].some((cut) => isUtf8(head.subarray(0, head.length - cut)));
}

function textLines(head: Buffer, lines: number): string[] {
  const all = head.toString('utf8').replace(/\n$/, '').split('\n').slice(0, lines);
  return all.map((line) => printableName(Buffer.from(line.replaceAll('\t', '    '))));
}

const BYTES_A_LINE = 16;

/** As `hexdump -C` shows bytes: offset, sixteen bytes, and what of them is text. */
function byteLines(head: Buffer, lines: number): string[] {
  const shown: string[] = [];
  for (let at = 0; at < head.length && shown.length < lines; at += BYTES_A_LINE) {
    const row = head.subarray(at, at + BYTES_A_LINE);
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    const offset = at.toString(16).padStart(8, '0');
    shown.push(`${offset}  ${hex.padEnd(BYTES_A_LINE * 3 - 1)}  ${text}`);
  }
  return shown;
}
