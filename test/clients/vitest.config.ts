import { transformSync } from '@babel/core';
import { defineConfig, type Plugin } from 'vitest/config';

/** As Relay's own manual wires it: each `graphql` text becomes an import of what relay-compiler made of it. */
const relay: Plugin = {
  name: 'relay',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/clients/relay.ts')
      ? transformSync(code, {
          filename: id,
          babelrc: false,
          configFile: false,
          plugins: ['@babel/plugin-syntax-typescript', ['relay', { eagerEsModules: true }]],
          cwd: import.meta.dirname,
        })
      : null,
};

/** Apart from the fast suite: it starts a server, and its packages are its own. */
export default defineConfig({
  plugins: [relay],
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/clients/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    maxConcurrency: 10,
    disableConsoleIntercept: true,
  },
});
