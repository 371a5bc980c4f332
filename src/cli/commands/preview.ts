import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Artifact, openTree } from '../../artifacts/index.ts';
import { reasonOf, TaskfsError } from '../../errors.ts';
import { makeThumbnail, type Preview, previewArtifact, showFacts } from '../../preview/index.ts';
import { showBytes } from '../../quantities.ts';
import { showPath, type TaskName } from '../../store/index.ts';
import { isoTime } from '../../sys/index.ts';
import { capabilitiesOf, fitLine, paintLine } from '../../terminal/index.ts';
import { jsonPath, printableName } from '../../watch/index.ts';
import { addPathOrTop, addTask, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print, printJson } from '../output.ts';
import { drawPicture, findCanvas } from '../show-picture.ts';
import { parseCount, showTime, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs preview build report.md', 'What a file is, and how it begins'],
    ['taskfs preview build plot.png', 'A picture, as well as the terminal can show it'],
    ['taskfs preview build plot.png --out small.png', 'Its thumbnail as a file'],
    ['taskfs preview build', 'All files as a tree'],
    ['taskfs preview build talk.pdf --json', 'The facts alone'],
  ],
  about:
    'Text is shown with its syntax in colours, Markdown laid out, CSV and JSON Lines as a ' +
    'table, a directory as a tree, a zip or tar as its listing. Pictures are shown as kitty, ' +
    'iTerm2 or sixel pictures where the terminal answers that it can, else in half blocks. ' +
    'Of PDF, audio and video the facts are shown, of all else the bytes.',
  build: (parser) =>
    addPathOrTop(addTask(addIdentityOptions(parser)), 'A file or directory')
      .option('lines', {
        alias: 'n',
        type: 'string',
        requiresArg: true,
        default: '20',
        describe: 'How many lines',
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'Write a picture’s thumbnail to a file, as PNG',
      })
      .option('json', json('the facts as a JSON object')),
  run: async ({ options }) => {
    const lines = parseCount('-n', options.lines, 1);
    const store = openStoreOf(options);
    const { task, path, out } = options;
    using tree = await openTree(store, task, () => findIdentities(store, options));
    using node = tree.find(path, 'follow');
    const columns = process.stdout.columns || 80;
    const preview = await previewArtifact(node, path, { lines, columns, utc: options.utc });
    if (out !== undefined) await writeThumbnail(preview, task, path, out);
    else if (options.json) await printJson(describe(preview, node.artifact, path));
    else await show(preview, node.artifact, path, options);
    return 0;
  },
});

/** The longest side of a thumbnail, in pixels. */
const THUMBNAIL = 512;

async function writeThumbnail(
  { picture, facts }: Preview,
  task: TaskName,
  path: Buffer,
  out: string,
): Promise<void> {
  if (!picture) {
    const why = facts.trouble ?? 'it is not a png, jpeg, webp, gif or avif';
    throw new TaskfsError('failed', `'${showPath(path)}' of task ${task} has no thumbnail: ${why}`);
  }
  const thumbnail = await makeThumbnail(picture, THUMBNAIL, 'png');
  try {
    writeFileSync(resolve(out), thumbnail);
  } catch (cause) {
    throw new TaskfsError('failed', `${out} cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

const describe = ({ type, content, facts }: Preview, artifact: Artifact, path: Buffer): object => ({
  ...jsonPath(path),
  type,
  ...(content ? { mime: content.mime, view: content.view } : {}),
  size: artifact.size,
  mtime: isoTime(artifact.mtimeNs),
  ...facts,
});

async function show(preview: Preview, artifact: Artifact, path: Buffer, zone: Zone): Promise<void> {
  const { type, content, facts, lines, picture } = preview;
  const head = [
    printableName(path.length === 0 ? Buffer.from('.') : path),
    content?.mime ?? type,
    ...(type === 'file' ? [showBytes(artifact.size)] : []),
    showTime(isoTime(artifact.mtimeNs), zone),
    ...showFacts(facts),
  ];
  const capabilities = capabilitiesOf(process.stdout, process.env);
  await print(`${paintLine([{ text: head.join('  '), styles: ['dim'] }], capabilities)}\n`);
  for (const line of lines) {
    const fitted = process.stdout.isTTY
      ? fitLine(line, process.stdout.columns, capabilities.charset)
      : line;
    await print(`${paintLine(fitted, capabilities).trimEnd()}\n`);
  }
  if (picture) await showPicture(picture);
}

/** Above it are the facts, and below it the next prompt. */
const OTHER_LINES = 3;

async function showPicture(picture: Buffer): Promise<void> {
  const canvas = await findCanvas(process.env);
  if (!canvas) return;
  const rows = Math.max(canvas.rows - OTHER_LINES, 1);
  await print(await drawPicture(picture, canvas, canvas.columns, rows));
}
