import { defineConfig } from 'vitest/config';
import real, { LONG } from './vitest.config.ts';

/** The long stories of the suite against the real thing. */
export default defineConfig({ ...real, test: { ...real.test, include: LONG, exclude: [] } });
