import { isUtf8 } from 'node:buffer';
import type { TaskName } from '../../store/index.ts';
import { type Finding, finding } from '../finding.ts';
import { FILES } from '../paths.ts';
import type { ContentProblem, Lost } from './content-check.ts';

const PROBLEMS: Readonly<Record<ContentProblem, string>> = {
  'damaged-chunk': 'a chunk is damaged',
  'other-content': 'the content is not that of its sha256',
  missing: 'the tar ends too early',
};

/** The finding that an artifact, or a stretch of it, is lost. `path`: raw, from the top. */
export function lossOf(
  task: TaskName,
  path: Buffer,
  problem: ContentProblem,
  lost: Lost | undefined,
): Finding {
  const range = lost ? { start: lost.start, length: lost.length } : null;
  const text = path.toString();
  const what = range
    ? `bytes ${range.start} to ${range.start + range.length - 1} of '${text}' of task ${task} are lost`
    : `'${text}' of task ${task} is lost`;
  return finding(
    task,
    problem === 'missing' ? 'truncated' : 'damaged',
    `${what}: ${PROBLEMS[problem]}`,
    {
      file: FILES.artifacts,
      offset: lost?.at ?? null,
      path: text,
      range,
      ...(!isUtf8(path) && { pathBase64: path.toString('base64') }),
    },
  );
}
