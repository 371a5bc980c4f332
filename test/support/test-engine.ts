/** The private Docker engine of scripts/with-engine, which the tests run in where there is one. */
export interface TestEngine {
  /** Its directory; the words stop, kill and start go into the pipe `control` there. */
  readonly directory: string;
  readonly host: string;
  /** An image with busybox, and one without a shell. */
  readonly image: string;
  readonly bareImage: string;
  /** A file system of 24 MiB that containers can be given directories of. */
  readonly smallDisk: string;
}

export const testEngine: TestEngine | undefined = process.env.TASKFS_TEST_ENGINE
  ? {
      directory: process.env.TASKFS_TEST_ENGINE,
      host: process.env.DOCKER_HOST ?? '',
      image: process.env.TASKFS_TEST_IMAGE ?? '',
      bareImage: process.env.TASKFS_TEST_BARE_IMAGE ?? '',
      smallDisk: process.env.TASKFS_TEST_SMALL_DISK ?? '',
    }
  : undefined;

/**
 * In the name of every test that needs the engine: the last lines of a run count those left out.
 */
export const needsEngine = '(needs scripts/with-engine)';
