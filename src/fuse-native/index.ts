/**
 * The driver `libfuse`: a `FileSystem` over the fuse-native package (libfuse 2). Loaded only where
 * it is asked for.
 */
export { serve } from './driver.ts';
