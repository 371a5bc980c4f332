import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Mounts and supervisors are real processes: more files at once than cores only slows them all down.
    maxWorkers: 2,
    pool: 'forks',
    reporters: ['default', './test/support/engine-report.ts'],
  },
});
