import { join } from 'node:path';
import { messageOf, TaskfsError } from '../errors.ts';
import type { TaskName } from '../task-name.ts';
import { ContentCheck, type ContentProblem } from './content-check.ts';
import { openDecrypted } from './decrypted-file.ts';
import { type Finding, finding } from './finding.ts';
import type { IndexEntry } from './index-entry.ts';
import { IndexReader } from './index-reader.ts';
import { FILES, PARTS, type Part } from './layout.ts';
import { type Chunk, readThrough } from './read-through.ts';
import type { Seal } from './seal-record.ts';
import { openTaskKey, unlockArchive } from './unlock.ts';

/** Every chunk of every file of an archive, and every sha256 in its index. Bytes are those of the files. */
export async function verifyContent(
  task: TaskName,
  directory: string,
  seal: Seal | undefined,
  identities: readonly string[],
  onProgress: (bytes: number) => void,
): Promise<Finding[]> {
  try {
    const { identityToRecipient } = await import('age-encryption');
    const recipient = await identityToRecipient(await openTaskKey(directory, identities));
    if (seal && recipient !== seal.recipient) {
      return [
        finding(task, 'replaced', `key.age of task ${task} holds another task's key`, {
          file: 'key.age',
        }),
      ];
    }
    const keys = await unlockArchive(directory, identities);
    const findings: Finding[] = [];
    const report = (found: Finding): void => void findings.push(found);
    for (const part of ['index', 'log'] as const) {
      const path = join(directory, FILES[part]);
      const measured = await readThrough(
        path,
        keys[part],
        reportChunks(task, part, report, onProgress),
      );
      compare(task, part, seal, measured.sha256, report);
    }
    const broken = findings.some(({ file }) => file === FILES.index);
    await verifyArtifacts(task, directory, keys, broken, seal, report, onProgress);
    return findings;
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    return [fromError(task, error)];
  }
}

type Report = (found: Finding) => void;

async function verifyArtifacts(
  task: TaskName,
  directory: string,
  keys: Awaited<ReturnType<typeof unlockArchive>>,
  indexIsBroken: boolean,
  seal: Seal | undefined,
  report: Report,
  onProgress: (bytes: number) => void,
): Promise<void> {
  const path = join(directory, FILES.artifacts);
  const chunks = reportChunks(task, 'artifacts', report, onProgress);
  if (indexIsBroken) {
    const measured = await readThrough(path, keys.artifacts, chunks);
    return compare(task, 'artifacts', seal, measured.sha256, report);
  }
  const opened = openDecrypted(join(directory, FILES.index), keys.index);
  try {
    const index = new IndexReader(opened);
    const check = new ContentCheck(index, opened.size, (entry, problem) =>
      report(lost(task, index, entry, problem)),
    );
    const measured = await readThrough(path, keys.artifacts, (chunk) => {
      chunks(chunk);
      check.take(chunk.length, chunk.plain);
    });
    check.end();
    compare(task, 'artifacts', seal, measured.sha256, report);
  } finally {
    opened.close();
  }
}

function reportChunks(
  task: TaskName,
  part: Part,
  report: Report,
  onProgress: (bytes: number) => void,
): (chunk: Chunk) => void {
  const file = FILES[part];
  return ({ plain, cutOff, number, at, length }) => {
    onProgress(length);
    if (cutOff) {
      report(
        finding(task, 'truncated', `${file} of task ${task} ends too early`, { file, offset: at }),
      );
    } else if (!plain) {
      const message = `chunk ${number} of ${file} of task ${task} is damaged`;
      report(finding(task, 'damaged', message, { file, offset: at }));
    }
  };
}

const PROBLEMS: Readonly<Record<ContentProblem, string>> = {
  'damaged-chunk': 'lies in a damaged chunk',
  'other-content': 'has other content than its sha256 says',
  missing: 'is beyond the end of the tar',
};

function lost(
  task: TaskName,
  index: IndexReader,
  entry: IndexEntry,
  problem: ContentProblem,
): Finding {
  const path = index.pathTo(entry.position).toString();
  const at = { file: FILES.artifacts, path, offset: null };
  const kind = problem === 'missing' ? 'truncated' : 'damaged';
  return finding(task, kind, `${path} of task ${task} ${PROBLEMS[problem]}`, at);
}

/** The whole file against the seal: bytes that belong to no chunk count too. */
function compare(
  task: TaskName,
  part: Part,
  seal: Seal | undefined,
  sha256: string,
  report: Report,
): void {
  const file = FILES[part];
  if (!seal || seal.files[file].sha256 === sha256) return;
  report(
    finding(task, 'damaged', `${file} of task ${task} is not the file that was sealed`, { file }),
  );
}

/** What kept an archive from being opened at all, as a finding. */
export function fromError(task: TaskName, error: TaskfsError): Finding {
  const message = messageOf(error);
  const file = [...PARTS.map((part) => FILES[part]), 'key.age', 'seal.json'].find((name) =>
    message.includes(name),
  );
  const kind = error.kind === 'wrong-key' ? 'wrong-key' : kindOf(message);
  return finding(task, kind, message, { file: file ?? null });
}

function kindOf(message: string): 'missing' | 'truncated' | 'damaged' {
  if (message.includes('is missing')) return 'missing';
  return message.includes('truncated') ? 'truncated' : 'damaged';
}
