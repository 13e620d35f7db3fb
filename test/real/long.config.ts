import { defineConfig } from 'vitest/config';
import real, { LONG } from './vitest.config.ts';

// What the lab is brought up with, when it is not up: an upgrade needs two releases.
process.env['KUBE_VERSIONS'] ??= 'v1.36.3 v1.35.4';

/** The long stories of the suite against the real thing. */
export default defineConfig({ ...real, test: { ...real.test, include: LONG, exclude: [] } });
