/**
 * What a mount shows, as nodes: the contract with the drivers, the root, live/, archive/ and
 * logs/. Protocols do not enter.
 */
export {
  DRIVERS,
  type DriverName,
  GROUPINGS,
  type Grouping,
  type Serve,
  type Served,
  type ServeOptions,
} from './driver.ts';
export {
  type Attr,
  type AttrChange,
  type Attributes,
  type Caller,
  type Change,
  type DirectoryEntry,
  type Entry,
  type FileEvent,
  type FileSystem,
  type FileSystemStat,
  type HandleId,
  type NodeId,
  type Opened,
  type Place,
  type PlainEntry,
  type RangeLock,
  ROOT,
} from './file-system.ts';
export { AttachedDirectories } from './live/attached-directories.ts';
export { withPinned } from './live/editor-files.ts';
export { isInView, type MountView } from './mount-view.ts';
export { TOP } from './node-ids.ts';
export { statusXattrs } from './status-xattrs.ts';
export { createFileSystem } from './store-file-system.ts';
