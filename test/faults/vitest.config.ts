import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: new URL('../..', import.meta.url).pathname,
    globalSetup: ['test/setup.ts'],
    include: ['test/faults/sample.test.ts'],
    testTimeout: 480_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
  },
});
