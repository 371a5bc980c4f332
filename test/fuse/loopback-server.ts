import { serveFileSystem } from '../../src/fuse/connection.ts';
import type { FuseOptions } from '../../src/fuse/options.ts';

/**
 * Serves a directory through the kernel driver, as a process of its own: the arguments are the
 * mount point and the driver's options in JSON. Prints `ready`, unmounts on SIGTERM.
 */
const [, , mountpoint = '', options = '{}'] = process.argv;
const served = await serveFileSystem(mountpoint, JSON.parse(options) as FuseOptions);
process.stdout.write('ready\n');
process.once('SIGTERM', () => {
  served.unmount().catch((error: Error) => process.stderr.write(`${error.message}\n`));
});
await served.ended;
process.stdout.write('ended\n');
