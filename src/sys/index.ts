/**
 * sys: the system calls that Node lacks, through koffi, and nothing else. Everything here is
 * synchronous, takes names as raw bytes and descriptors as numbers, and throws `Errno`; what goes
 * through a whole tree says where it was refused (MountedBeneath, NotRemovable).
 * Knows nothing of tasks, stores or mounts; imports nothing of this project.
 */
export * from './at.ts';
export * from './chacha20-poly1305.ts';
export * from './directory.ts';
export * from './errno.ts';
export * from './file.ts';
export * from './flock.ts';
export * from './inode-flags.ts';
export * from './inotify.ts';
export * from './lease.ts';
export * from './moment.ts';
export * from './mounts-beneath.ts';
export * from './posix-acl.ts';
export * from './process.ts';
export * from './remove-tree.ts';
export * from './stat.ts';
export * from './xattr.ts';
