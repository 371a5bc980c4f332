import { join } from 'node:path';
import { openDecrypted } from '../../age/index.ts';
import { messageOf, TaskfsError } from '../../errors.ts';
import type { TaskName } from '../../store/index.ts';
import type { TarSource } from '../../tar/index.ts';
import { readTar } from '../../tar/index.ts';
import { CooperativeYield } from '../cooperative-yield.ts';
import { type Finding, type FindingKind, finding } from '../finding.ts';
import { checkIndex } from '../index/check.ts';
import { IndexReader } from '../index/reader.ts';
import { openTaskKey } from '../key-file.ts';
import { FILES, KEY_FILE, PARTS, type Part, SEAL_FILE } from '../paths.ts';
import type { Seal } from '../seal-record.ts';
import { type FileKeys, unlockPart } from '../unlock.ts';
import { ContentCheck, filesInOrder, lossOf } from './content-check.ts';
import { type Chunk, readThrough } from './read-through.ts';

/** What is verified, and where findings go. */
interface Verification {
  readonly task: TaskName;
  readonly directory: string;
  readonly seal: Seal | undefined;
  readonly report: (found: Finding) => void;
  readonly onProgress: (bytes: number) => void;
}

/**
 * Verifies every chunk of every file of an archive, and every sha256 in its index. Where the index
 * is damaged, lost files are named from the tar. Bytes are those of the files.
 */
export async function verifyContent(
  task: TaskName,
  directory: string,
  seal: Seal | undefined,
  identities: readonly string[],
  onProgress: (bytes: number) => void,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const report = (found: Finding): void => void findings.push(found);
  const verification: Verification = { task, directory, seal, report, onProgress };
  await orReport(verification, async () => {
    const identity = await openTaskKey(directory, identities);
    const { identityToRecipient } = await import('age-encryption');
    if (seal && (await identityToRecipient(identity)) !== seal.recipient) {
      const message = `key.age of task ${task} holds another task's key`;
      return report(finding(task, 'replaced', message, { file: KEY_FILE }));
    }
    const keys = await unlockParts(verification, identity);
    const unlocked = (part: Part): boolean => keys[part] !== undefined;
    for (const part of ['index', 'log'] as const) {
      if (unlocked(part))
        await orReport(verification, () => verifyPart(verification, part, keys[part]));
    }
    if (unlocked('index') && findings.every(({ file }) => file !== FILES.index)) {
      await orReport(verification, () => verifyNames(verification, keys.index));
    }
    const isBroken = findings.some(({ file }) => file === FILES.index);
    if (unlocked('artifacts')) {
      await orReport(verification, () => verifyArtifacts(verification, keys, isBroken));
    }
  });
  return findings;
}

/**
 * Reports what keeps one part from being verified, so that the others are verified all the same.
 */
async function orReport(
  { task, directory, report }: Verification,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    report(fromError(task, directory, error));
  }
}

async function unlockParts(verification: Verification, identity: string): Promise<FileKeys> {
  const keys: Partial<Record<Part, Uint8Array>> = {};
  for (const part of PARTS) {
    await orReport(verification, async () => {
      keys[part] = await unlockPart(verification.directory, identity, part);
    });
  }
  return keys as FileKeys;
}

async function verifyPart(verification: Verification, part: Part, key: Uint8Array): Promise<void> {
  const path = join(verification.directory, FILES[part]);
  const measured = await readThrough(path, key, reportChunks(verification, part));
  compare(verification, part, measured.sha256);
}

/** Whether everything in an index that is whole can be looked up. */
async function verifyNames({ directory, seal }: Verification, key: Uint8Array): Promise<void> {
  const path = join(directory, FILES.index);
  await checkIndex(
    path,
    key,
    seal?.bytes ?? Number.MAX_SAFE_INTEGER,
    new CooperativeYield(() => {}),
  );
}

async function verifyArtifacts(
  verification: Verification,
  keys: FileKeys,
  indexIsBroken: boolean,
): Promise<void> {
  const { task, directory, report } = verification;
  const path = join(directory, FILES.artifacts);
  const part = indexIsBroken ? 'artifacts' : 'index';
  const opened = openDecrypted(join(directory, FILES[part]), keys[part]);
  try {
    const index = new IndexReader(opened);
    const check = indexIsBroken
      ? new ContentCheck(filesOfTar(verification, opened), (file, problem, lost) =>
          report(lossOf(task, file.path, problem, lost)),
        )
      : new ContentCheck(filesInOrder(index, opened.size), (file, problem, lost) =>
          report(lossOf(task, index.pathTo(file.position), problem, lost)),
        );
    const chunks = reportChunks(verification, 'artifacts');
    const measured = await readThrough(path, keys.artifacts, (chunk) => {
      chunks(chunk);
      check.take(chunk.length, chunk.plain, chunk.at);
    });
    check.end();
    compare(verification, 'artifacts', measured.sha256);
  } finally {
    opened.close();
  }
}

/** As far as headers are intact: behind a damaged one, nothing says where the next file begins. */
function* filesOfTar({ task, report }: Verification, tar: TarSource) {
  try {
    for (const { type, path, offset, extents, size } of readTar(tar)) {
      const inTree = path.subarray(path.indexOf('./') === 0 ? 2 : 0);
      if (type === 'file') yield { path: inTree, offset, size, ...(extents && { extents }) };
    }
  } catch (error) {
    if (!(error instanceof TaskfsError)) throw error;
    const { message: why } = error;
    const message = `files of task ${task} without a name, from where the tar is damaged: ${why}`;
    report(finding(task, kindOf(message), message, { file: FILES.artifacts }));
  }
}

function reportChunks(
  { task, report, onProgress }: Verification,
  part: Part,
): (chunk: Chunk) => void {
  const file = FILES[part];
  return ({ plain, cutOff, number, at, length }) => {
    onProgress(length);
    if (cutOff) {
      const message = `${file} of task ${task} ends too early`;
      report(finding(task, 'truncated', message, { file, offset: at }));
    } else if (!plain) {
      const message = `chunk ${number} of ${file} of task ${task} is damaged`;
      report(finding(task, 'damaged', message, { file, offset: at }));
    }
  };
}

/** The whole file against the seal: bytes that belong to no chunk count too. */
function compare({ task, seal, report }: Verification, part: Part, sha256: string): void {
  const file = FILES[part];
  if (!seal || seal.files[file].sha256 === sha256) return;
  const message = `${file} of task ${task} is not the file that was sealed`;
  report(finding(task, 'damaged', message, { file }));
}

/**
 * The finding for an error that kept an archive, a directory, from being opened. What its message
 * says beside that path, which has the names of task and store, tells kind and file.
 */
export function fromError(task: TaskName, archive: string, error: TaskfsError): Finding {
  const message = messageOf(error);
  const words = message.replaceAll(`${archive}/`, '');
  const file = [...PARTS.map((part) => FILES[part]), KEY_FILE, SEAL_FILE].find((name) =>
    words.includes(name),
  );
  const kind = error.kind === 'wrong-key' ? 'wrong-key' : kindOf(words);
  return finding(task, kind, message, { file: file ?? null });
}

function kindOf(message: string): FindingKind {
  if (message.includes("another task's")) return 'replaced';
  if (message.includes('is missing')) return 'missing';
  return message.includes('truncated') ? 'truncated' : 'damaged';
}
