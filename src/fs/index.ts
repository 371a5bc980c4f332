/**
 * fs: what the mount shows. A core of nodes (root, live, archive, logs) behind the `FileSystem`
 * contract, and the drivers (kernel/, libfuse/) that speak to the kernel. Drivers import the
 * contract, never the nodes; nodes never import a driver. Imports store and sys.
 */
