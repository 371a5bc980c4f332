import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { TestEngine } from './test-engine.ts';

/** A registry that an engine can pull from; see registry-program.ts. */
export interface Registry {
  /** `host:port` of the one for everybody, and of the one for user:secret. */
  readonly open: string;
  readonly private: string;
  /** What became of pulls of the slow image, in order. */
  readonly slow: readonly ('asked' | 'left')[];
}

const program = join(import.meta.dirname, 'registry-program.ts');

/** Starts a registry in the network of an engine; ended with the test. */
export async function startRegistry({ directory }: TestEngine): Promise<Registry> {
  const network = `--net=/proc/${readFileSync(join(directory, 'pid'), 'utf8').trim()}/ns/net`;
  const child = spawn('nsenter', [network, process.execPath, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.stdin.end());
  const slow: ('asked' | 'left')[] = [];
  const lines = createInterface({ input: child.stdout });
  const [ports] = (await once(lines, 'line')) as [string];
  lines.on('line', (line: 'asked' | 'left') => slow.push(line));
  const [open, closed] = ports.split(' ').map((port) => `127.0.0.1:${port}`);
  return { open: open ?? '', private: closed ?? '', slow };
}
