import { defineConfig } from 'vitest/config';

/** Apart from the fast suite: it unpacks Debian's cloud-init, and reads a thousand times with it. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/cloudInit/*.test.ts'],
    testTimeout: 400_000,
    hookTimeout: 300_000,
    disableConsoleIntercept: true,
  },
});
