/** The streams of a container's output. */
export type StreamName = 'stdout' | 'stderr';
