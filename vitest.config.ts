import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/support/built-package.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests wait for other processes most of the time; more files at once than this slow each other
    // down on two cores, which is what there is at least.
    maxWorkers: 3,
    pool: 'forks',
    // bsdtar ends with 1 at a name that the locale cannot show, whatever the machine's is.
    env: { LC_ALL: 'C.UTF-8' },
    reporters: ['default', './test/support/engine-report.ts'],
  },
});
