/**
 * Reads 4 KiB at COUNT places of FILE, the same ones each time; prints the seconds that it took.
 */
import { fstatSync, openSync, readSync } from 'node:fs';

const [file = '', count = ''] = process.argv.slice(2);
const fd = openSync(file, 'r');
const pages = Math.floor(fstatSync(fd).size / 4096);
const into = Buffer.alloc(4096);
let place = 1;
const start = performance.now();
for (let turn = 0; turn < Number(count); turn++) {
  place = (place * 48_271) % 2_147_483_647;
  readSync(fd, into, 0, into.length, (place % pages) * 4096);
}
process.stdout.write(String((performance.now() - start) / 1000));
