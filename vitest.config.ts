import { defineConfig } from 'vitest/config';

// One file at a time: tests start worker threads of their own, and two cores are all that may be there.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'workers/**/*.test.ts', 'stress/**/*.test.ts', 'bench/**/*.test.ts'],
    globalSetup: ['src/sync/build-dist.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 60_000,
  },
});
