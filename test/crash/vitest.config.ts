import { defineConfig } from 'vitest/config';

/** Before, during and after each write to the cloud: only `npm run test:crash:all` has the time. */
const ALL = process.env['SEEDBED_TEST_CRASHES'] === 'all' ? ['test/crash/writes.test.ts'] : [];

/** The whole walk from death to death: some hundred servers, too many for the fast suite. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    globalSetup: ['test/setup.ts'],
    include: ['test/crash/walk.test.ts', 'test/crash/madeSeed.test.ts', ...ALL],
    testTimeout: 1_500_000,
    hookTimeout: 120_000,
  },
});
