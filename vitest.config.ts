import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/support/built-package.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Mounts and supervisors are real processes: more files at once than cores slow each other down,
    // and 'doctor', which looks at all mounts of a user, meets those that others are ending.
    maxWorkers: 2,
    pool: 'forks',
    // bsdtar ends with 1 at a name that the locale cannot show, whatever the machine's is.
    env: { LC_ALL: 'C.UTF-8' },
    reporters: ['default', './test/support/engine-report.ts'],
  },
});
