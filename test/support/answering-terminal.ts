import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const program = join(import.meta.dirname, 'answering-terminal.py');

/** A terminal that a test makes up. */
export interface MadeUpTerminal {
  /** What it sends when it is asked for its device attributes, in Python's escapes. */
  readonly answer: string;
  readonly env: NodeJS.ProcessEnv;
  readonly columns?: number;
  readonly rows?: number;
}

/** Runs a program in a terminal that answers its questions; what it wrote there. */
export async function runInAnsweringTerminal(
  { answer, env, columns = 80, rows = 24 }: MadeUpTerminal,
  ...command: string[]
): Promise<string> {
  const args = [program, String(columns), String(rows), answer, ...command];
  const { stdout } = await promisify(execFile)('python3', args, { env, maxBuffer: 64 << 20 });
  return stdout;
}
