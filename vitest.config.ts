import { defineConfig } from 'vitest/config';

/** Nothing in them asks how long anything takes. */
const SIDE_BY_SIDE = [
  'stress/scenarios.test.ts',
  'stress/replay.test.ts',
  'stress/{explore,map,matrix,memory,options,report,verdict}/**/*.test.ts',
  'stress/litmus/explored.test.ts',
  'bench/explore/**/*.test.ts',
  'bench/pool/sweep-html.test.ts',
];

/** Runs start worker threads of their own, and two cores are all that may be there: one file at a time. */
const ALONE = { maxWorkers: 1, fileParallelism: false };

export default defineConfig({
  test: {
    globalSetup: ['src/sync/build-dist.ts'],
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'src',
          include: ['src/**/*.test.ts'],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'runs',
          include: ['workers/**/*.test.ts', 'stress/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: SIDE_BY_SIDE,
          ...ALONE,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'side by side',
          include: SIDE_BY_SIDE,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
