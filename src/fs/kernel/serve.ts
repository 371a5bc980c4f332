import { extname } from 'node:path';
import { mountSource, type Serve } from '../driver.ts';
import { serveFileSystem } from './serve-file-system.ts';

const CORE = new URL(`../core${extname(import.meta.url)}`, import.meta.url);

/** Serves a store's file system by the kernel driver: the driver's contract of ../driver.ts. */
export const serve: Serve = (mountpoint, { store, core, ...options }) =>
  serveFileSystem(mountpoint, {
    ...options,
    fileSystem: { module: CORE.href, arguments: [store, { ...core, lendQuiet: true }] },
    sourceName: mountSource(store),
    backingDirectory: store.staging,
  });
