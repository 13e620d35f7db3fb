import { defineConfig } from 'vitest/config';

/** The whole walk from death to death: some hundred servers, too many for the fast suite. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/crash/walk.test.ts', 'test/crash/writes.test.ts'],
    testTimeout: 1_500_000,
    hookTimeout: 120_000,
  },
});
