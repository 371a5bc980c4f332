/** Seals one task; prints the milliseconds and the peak memory that it took, as JSON. */
import { readFileSync } from 'node:fs';
import { sealTask } from '../../src/archive/write/index.ts';
import { openStore, parseTaskName } from '../../src/store/index.ts';

/** A function, for a bundle waits for nothing while it is loaded. */
async function seal(path: string, name: string): Promise<void> {
  const start = performance.now();
  const { bytes } = await sealTask(openStore(path), parseTaskName(name));
  const ms = performance.now() - start;
  // What getrusage(2) tells begins with the memory of whoever started this process.
  const status = readFileSync('/proc/self/status', 'utf8');
  const rssMib = Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1]) / 1024;
  process.stdout.write(JSON.stringify({ ms, rssMib, bytes }));
}

const [path = '', name = ''] = process.argv.slice(2);
void seal(path, name);
