import { defineConfig } from 'vitest/config';

/** The released cluster-autoscaler itself takes part where a binary of it is at hand. */
const AUTOSCALER = process.env['SEEDBED_TEST_AUTOSCALER'] === undefined ? ['test/autoscaler/real.test.ts'] : [];

/** The fast suite; what needs the lab (test/real) and the long walk of test/crash have configurations of their own. */
export default defineConfig({
  // vitest would load graphql's .mjs while Pothos loads its .js: two realms.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: new URL('..', import.meta.url).pathname,
    globalSetup: ['test/setup.ts'],
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/real/**',
      'test/crash/walk.test.ts',
      'test/crash/writes.test.ts',
      'test/faults/**',
      'test/hard/**',
      'test/cloudInit/**',
      'test/clients/**',
      ...AUTOSCALER,
      // Of the load generator's package, too.
      '**/node_modules/**',
    ],
    // A story waits for what has to come (test/reconcilers/story.ts): the time is a bound for what never does.
    testTimeout: 150_000,
    hookTimeout: 150_000,
    // Stories wait more than they work: twice the cores of the machines that CI has.
    maxWorkers: 4,
    // Loading the server anew for each file would be a quarter of the work.
    isolate: false,
  },
});
