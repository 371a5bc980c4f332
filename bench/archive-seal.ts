/** Seals one task; prints the milliseconds and the peak memory that it took, as JSON. */
import { openStore, parseTaskName } from '../src/store/index.ts';
import { sealTask } from '../src/store/seal/seal.ts';

/** A function, for a bundle waits for nothing while it is loaded. */
async function seal(path: string, name: string): Promise<void> {
  const start = performance.now();
  const { bytes } = await sealTask(openStore(path), parseTaskName(name));
  const ms = performance.now() - start;
  const rssMib = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(JSON.stringify({ ms, rssMib, bytes }));
}

const [path = '', name = ''] = process.argv.slice(2);
void seal(path, name);
