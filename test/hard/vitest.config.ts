import { defineConfig } from 'vitest/config';

/** The long ones of test/hostile: minutes each, and alone on the machine, for they measure how long others wait. */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: new URL('../..', import.meta.url).pathname,
    globalSetup: ['test/setup.ts'],
    include: [
      'test/hard/**/*.test.ts',
      ...['documents', 'seeds', 'sockets', 'timing'].map((name) => `test/hostile/${name}.test.ts`),
      ...['races', 'nearNames'].map((name) => `test/api/${name}.test.ts`),
    ],
    // These draw more than in the fast suite, and those of test/hostile measure how long others wait.
    env: { SEEDBED_HARD: 'all' },
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
});
