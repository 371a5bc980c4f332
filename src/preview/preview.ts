import { type ArtifactNode, walk } from '../artifacts/index.ts';
import { messageOf, TaskfsError } from '../errors.ts';
import type { ArtifactType } from '../store/index.ts';
import type { StyledLine } from '../terminal/index.ts';
import { printableName } from '../watch/index.ts';
import { type ContentType, detectContentType, HEAD_BYTES } from './content-type.ts';
import type { Facts } from './facts.ts';
import { isDecoded, readFacts } from './facts.ts';
import { type Extent, fileLines } from './file-lines.ts';
import { MAX_PICTURE_BYTES } from './sharp.ts';
import { type ByteSource, readHead } from './source.ts';
import { directoryLines, span, type TreeEntry } from './styled-lines.ts';

/** What a file, directory or anything else of a task is, and how it begins. */
export interface Preview {
  readonly type: ArtifactType;
  /** Of a file. */
  readonly content: ContentType | undefined;
  readonly facts: Facts;
  /** Empty where only facts are shown, and of a picture. */
  readonly lines: readonly StyledLine[];
  /** The file, where it is a picture that is decoded. */
  readonly picture: Buffer | undefined;
}

/** Looks at a name that was found. Throws what reading it throws. */
export async function previewArtifact(
  node: ArtifactNode,
  path: Buffer,
  extent: Extent,
): Promise<Preview> {
  const { type, size } = node.artifact;
  const nothing = { type, content: undefined, facts: {}, lines: [], picture: undefined };
  if (type === 'directory') {
    return { ...nothing, lines: treeLines(node, extent.lines) };
  }
  if (type !== 'file') return nothing;
  const source = { size, read: node.read.bind(node) };
  const content = await detectContentType(path, readHead(source, HEAD_BYTES));
  return { ...nothing, content, ...(await previewContent(content, path, source, extent)) };
}

async function previewContent(
  content: ContentType,
  path: Buffer,
  source: ByteSource,
  extent: Extent,
): Promise<Pick<Preview, 'facts' | 'lines' | 'picture'>> {
  const { facts, listing } = await readFacts(content, source).catch(withoutFacts);
  const isUnderstood = facts.trouble === undefined;
  const lines =
    isUnderstood && FACTS_ALONE.has(content.view) && !content.isText
      ? []
      : await fileLines(path.toString(), content, source, listing, extent);
  const isPicture = isUnderstood && isDecoded(content);
  const picture = isPicture ? readHead(source, MAX_PICTURE_BYTES) : undefined;
  return { facts, lines, picture };
}

/** Of these, the bytes tell a person nothing. */
const FACTS_ALONE: ReadonlySet<string> = new Set(['picture', 'pdf', 'audio', 'video']);

/** What cannot be understood is shown as bytes, and why is said. */
function withoutFacts(error: unknown): Awaited<ReturnType<typeof readFacts>> {
  if (!(error instanceof TaskfsError)) throw error;
  return { facts: { trouble: messageOf(error) }, listing: undefined };
}

/** What is below a directory, at most so many lines. */
function treeLines(node: ArtifactNode, atMost: number): StyledLine[] {
  const entries: TreeEntry[] = [];
  for (const step of walk(node)) {
    if (step.type !== 'visit') continue;
    if (entries.length === atMost)
      return [...directoryLines(entries, true), [span('… and more', 'dim')]];
    const { name, type } = step.artifact;
    const depth = step.path.reduce((sum, byte) => sum + (byte === SLASH ? 1 : 0), 0);
    entries.push({ depth, name: printableName(name), isDirectory: type === 'directory' });
  }
  return directoryLines(entries);
}

const SLASH = 0x2f;
