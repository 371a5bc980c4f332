/**
 * The kernel's FUSE protocol in TypeScript: structs, handlers, the loop, notifications, mounting.
 * Nothing here knows tasks; what is served is a `FileSystem`.
 */
export { serve } from './serve.ts';
