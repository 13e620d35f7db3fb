import { defineConfig } from 'vitest/config';

/** Stories of ten minutes and more, such as want the machine for themselves, and what the hour of CI has no room for: `npm run test:real:long`. */
export const LONG = [
  'test/real/availability.test.ts',
  'test/real/backup.test.ts',
  'test/real/clusterUser.test.ts',
  'test/real/controlPlaneMove.test.ts',
  'test/real/createSeed.test.ts',
  'test/real/faults.test.ts',
  'test/real/fleet.test.ts',
  'test/real/healing.test.ts',
  'test/real/networkDrivers.test.ts',
  'test/real/networkPolicies.test.ts',
  'test/real/objectStores.test.ts',
  'test/real/rotation.test.ts',
  'test/real/seedAvailability.test.ts',
  'test/real/seedUpgrade.test.ts',
  'test/real/tunnel.test.ts',
  'test/real/upgrade.test.ts',
];

export const CONFORMANCE = 'test/real/conformance.test.ts';

/** Only where cluster-autoscaler itself is at hand. */
const AUTOSCALER = process.env['SEEDBED_TEST_AUTOSCALER'] === undefined ? ['test/real/autoScaling.test.ts'] : [];

/** The suite against a real OpenStack and a real seed: one file after the other, with the patience that servers need to boot. */
export default defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/real/**/*.test.ts'],
    exclude: [...LONG, CONFORMANCE, ...AUTOSCALER],
    globalSetup: ['test/real/setup.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    fileParallelism: false,
    sequence: { concurrent: false },
  },
});
