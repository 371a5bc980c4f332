import {
  type Artifact,
  type ArtifactNode,
  type ArtifactTree,
  openTree,
  walk,
} from '../../artifacts/index.ts';
import { unlessNotFound } from '../../errors.ts';
import { viewTask } from '../../runner/index.ts';
import { type ArtifactType, listTasks, type Store } from '../../store/index.ts';
import { isoTime } from '../../sys/index.ts';
import { jsonPath, printableName } from '../../watch/index.ts';
import { addPathOrTop, addTaskOrAll, json } from '../arguments.ts';
import { defineCommand } from '../command.ts';
import { addIdentityOptions, findIdentities } from '../identity-options.ts';
import { openStoreOf } from '../open-store.ts';
import { print, printJson, printLine, printLines, say } from '../output.ts';
import { printThumbnails } from '../picture-listing.ts';
import { table, type Words } from '../styled-text.ts';
import { showTime, type Zone } from '../units.ts';

export const command = defineCommand({
  examples: [
    ['taskfs ls', 'The names of all tasks'],
    ['taskfs ls build', 'The files of a task, live or archived'],
    ['taskfs ls -lR build src', 'Everything below a directory, with sizes and times'],
    ['taskfs ls build plots --thumbnails', 'Its pictures, as the terminal can show them'],
    ['taskfs ls build --json', 'As JSON; names that are not UTF-8 have a pathBase64'],
  ],
  build: (parser) =>
    addPathOrTop(addTaskOrAll(addIdentityOptions(parser)), 'A directory or file')
      .option('long', {
        alias: 'l',
        type: 'boolean',
        default: false,
        describe: 'Modes, sizes, times',
      })
      .option('recursive', {
        alias: 'R',
        type: 'boolean',
        default: false,
        describe: 'Everything below',
      })
      .option('null', {
        alias: '0',
        type: 'boolean',
        default: false,
        describe: 'Raw names, each ended by a NUL byte',
      })
      .option('thumbnails', {
        type: 'boolean',
        default: false,
        describe: 'Pictures as pictures, where the terminal shows some',
      })
      .option('json', json('a JSON array')),
  run: async ({ options }) => {
    const { task } = options;
    const store = openStoreOf(options);
    if (task === undefined) return listNames(store, options.json);
    using tree = await openTree(store, task, () => findIdentities(store, options));
    const { leftOut = 0 } = viewTask(store, task);
    const found = [...entries(tree, options.path, options.recursive)];
    if (options.json) await printJson(found.map(describe));
    else if (options.null) for (const { path } of found) await print(Buffer.concat([path, NUL]));
    else if (options.thumbnails) await printThumbnails(tree, found, shortLine);
    else
      for (const line of options.long ? longLines(found, options) : found.map(shortLine))
        await printLine(line);
    if (leftOut > 0) {
      say(
        `Not sealed, by --artifact or --exclude: ${leftOut}; 'taskfs status ${task}' has the ` +
          'patterns.',
      );
    }
    return 0;
  },
});

async function listNames(store: Store, asJson: boolean): Promise<number> {
  const names = listTasks(store);
  if (asJson) await printJson(names);
  else await printLines(names);
  return 0;
}

const NUL = Buffer.alloc(1);

/** Something found, and its path from the top of the tree. */
interface Found {
  readonly path: Buffer;
  readonly artifact: Artifact;
}

function* entries(tree: ArtifactTree, path: Buffer, recursive: boolean): Generator<Found> {
  using node = findDirectoryOrLink(tree, path);
  const top = Buffer.from(trim(path.toString('latin1')), 'latin1');
  if (node.artifact.type === 'directory') yield* below(node, top, recursive);
  else yield { path: top, artifact: node.artifact };
}

const trim = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

/** What a path stands for; a link that leads nowhere is listed itself. */
const findDirectoryOrLink = (tree: ArtifactTree, path: Buffer): ArtifactNode =>
  unlessNotFound(() => tree.find(path, 'follow')) ?? tree.find(path, 'keep');

function* below(node: ArtifactNode, path: Buffer, recursive: boolean): Generator<Found> {
  const at = (name: Buffer): Buffer =>
    path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
  if (!recursive) {
    const sorted = [...node.list()].sort((a, b) => Buffer.compare(a.name, b.name));
    for (const artifact of sorted) yield { path: at(artifact.name), artifact };
    return;
  }
  for (const step of walk(node)) {
    if (step.type === 'visit') yield { path: at(step.path), artifact: step.artifact };
  }
}

function describe({ path, artifact }: Found): object {
  const { type, mode, uid, gid, size, mtimeNs, target } = artifact;
  const link = target === null ? {} : prefixed(jsonPath(target));
  return {
    ...jsonPath(path),
    type,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    size,
    mtime: isoTime(mtimeNs),
    ...link,
  };
}

function prefixed({ path, pathBase64 }: ReturnType<typeof jsonPath>): object {
  return pathBase64 === undefined ? { target: path } : { target: path, targetBase64: pathBase64 };
}

const shortLine = ({ path, artifact }: Found): string =>
  artifact.type === 'directory' ? `${printableName(path)}/` : printableName(path);

function longLines(found: readonly Found[], zone: Zone): Words[] {
  const rows = found.map((each) => {
    const { type, mode, uid, gid, size, mtimeNs, target } = each.artifact;
    const name =
      target === null ? shortLine(each) : `${shortLine(each)} -> ${printableName(target)}`;
    return {
      cells: [
        showMode(type, mode),
        `${uid}:${gid}`,
        String(size),
        showTime(isoTime(mtimeNs), zone),
      ],
      name,
    };
  });
  const width = Math.max(0, ...rows.map(({ cells }) => cells[2]?.length ?? 0));
  return table(
    rows.map(({ cells: [modes = '', owner = '', size = '', time = ''], name }) => [
      modes,
      owner,
      size.padStart(width),
      time,
      name,
    ]),
  );
}

const TYPE_LETTERS: Readonly<Record<ArtifactType, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  'character-device': 'c',
  'block-device': 'b',
};

/** Type and permission bits as ls(1) writes them, `-rwxr-xr-x`. */
function showMode(type: ArtifactType, mode: number): string {
  const triple = (bits: number, special: boolean, letter: string): string => {
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return [
    TYPE_LETTERS[type],
    triple(mode >> 6, (mode & 0o4000) !== 0, 's'),
    triple(mode >> 3, (mode & 0o2000) !== 0, 's'),
    triple(mode, (mode & 0o1000) !== 0, 't'),
  ].join('');
}
