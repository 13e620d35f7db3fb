/** The sandbox as one file, made before any story begins: a hundred of them start it, and its sources take three times as long to load. */
import { build } from 'esbuild';

const ROOT = new URL('..', import.meta.url).pathname;

/** Beside drizzle/ like everything that was built. */
export const SANDBOX = `${ROOT}dist/sandboxOfStories.mjs`;

export const setup = async (): Promise<void> => {
  await build({
    entryPoints: [`${ROOT}src/sandbox/main.ts`],
    outfile: SANDBOX,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['better-sqlite3'],
    alias: { graphql: 'graphql/index.js' },
    // What is CommonJS in it asks for Node's own modules.
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    minifyWhitespace: true,
    logLevel: 'error',
  });
};
