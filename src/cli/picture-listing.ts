import type { Artifact, ArtifactTree } from '../artifacts/index.ts';
import { TaskfsError } from '../errors.ts';
import {
  detectContentType,
  HEAD_BYTES,
  isDecoded,
  MAX_PICTURE_BYTES,
  makeStrip,
  makeThumbnail,
  readHead,
} from '../preview/index.ts';
import { fitTo } from '../terminal/index.ts';
import { print, printLine } from './output.ts';
import { type Canvas, drawPicture, findCanvas } from './show-picture.ts';

/** A name that was listed, and its path from the top of the tree. */
interface Listed {
  readonly path: Buffer;
  readonly artifact: Artifact;
}

/** A thumbnail and what stands below it, in characters. */
const TILE = { columns: 18, rows: 8 };
const GAP = 2;

/**
 * Prints the pictures of a listing as thumbnails, side by side with their names below, and then
 * the other names. Throws `failed` where the terminal shows no pictures, or sharp is missing.
 */
export async function printThumbnails(
  tree: ArtifactTree,
  listed: readonly Listed[],
  nameOf: (listed: Listed) => string,
): Promise<void> {
  const canvas = await findCanvas(process.env);
  if (!canvas) {
    throw new TaskfsError('failed', 'standard output is no terminal that shows pictures', {
      hint: "'taskfs preview --out FILE.png' writes the thumbnail of one.",
    });
  }
  const others: Listed[] = [];
  let row: { readonly thumbnail: Buffer; readonly name: string }[] = [];
  const perRow = Math.max(1, Math.floor((canvas.columns + GAP) / (TILE.columns + GAP)));
  for (const each of listed) {
    const thumbnail = await thumbnailOf(tree, each, canvas);
    if (thumbnail) row.push({ thumbnail, name: nameOf(each) });
    else others.push(each);
    if (row.length < perRow) continue;
    await printRow(row, canvas);
    row = [];
  }
  if (row.length > 0) await printRow(row, canvas);
  for (const each of others) await printLine(nameOf(each));
}

/** Undefined where it is no picture, or none that can be decoded. */
async function thumbnailOf(
  tree: ArtifactTree,
  { path, artifact }: Listed,
  { cell }: Canvas,
): Promise<Buffer | undefined> {
  if (artifact.type !== 'file') return undefined;
  using node = tree.find(path, 'keep');
  const source = { size: node.artifact.size, read: node.read.bind(node) };
  const type = await detectContentType(path, readHead(source, HEAD_BYTES));
  if (!isDecoded(type) || source.size > MAX_PICTURE_BYTES) return undefined;
  const size = { width: TILE.columns * cell.width, height: TILE.rows * cell.height };
  return makeThumbnail(readHead(source, MAX_PICTURE_BYTES), size, 'png').catch(unlessDamaged);
}

/** A picture that is damaged is listed by its name; where sharp is missing, none is shown. */
function unlessDamaged(error: unknown): undefined {
  if (error instanceof TaskfsError && error.hint === undefined) return undefined;
  throw error;
}

async function printRow(
  row: readonly { readonly thumbnail: Buffer; readonly name: string }[],
  canvas: Canvas,
): Promise<void> {
  const { cell } = canvas;
  const tile = { width: TILE.columns * cell.width, height: TILE.rows * cell.height };
  const thumbnails = row.map(({ thumbnail }) => thumbnail);
  const strip = await makeStrip(thumbnails, tile, GAP * cell.width);
  const columns = row.length * (TILE.columns + GAP) - GAP;
  await print(await drawPicture(strip, canvas, columns, TILE.rows));
  const names = row.map(({ name }) => fitTo(name, TILE.columns)).join(' '.repeat(GAP));
  await printLine(names.trimEnd());
}
