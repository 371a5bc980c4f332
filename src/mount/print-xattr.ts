/** A program: prints an extended attribute of a path; arguments: both (src/mount/probe.ts). */
import { openSync } from 'node:fs';
import { getXattr, O_PATH } from '../sys/index.ts';

const [path = '', name = ''] = process.argv.slice(2);
process.stdout.write(getXattr(openSync(path, O_PATH), name));
