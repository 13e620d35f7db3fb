import { defineConfig } from 'vitest/config';
import real, { CONFORMANCE } from './vitest.config.ts';

/** Upstream's own conformance suite, which takes an hour or two: `npm run test:conformance`. */
export default defineConfig({ ...real, test: { ...real.test, include: [CONFORMANCE], exclude: [] } });
