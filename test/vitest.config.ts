import { defineConfig } from 'vitest/config';

/** The fast suite; everything that needs the lab is under test/real and has a configuration of its own. */
export default defineConfig({
  // vitest would load graphql's .mjs while Pothos loads its .js: two realms.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/real/**', 'node_modules/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
