/** For servers that are asked by nobody but tests, whose clocks may stand still. */
import type { RateSettings } from '../../src/api/rates.ts';

export const UNLIMITED: RateSettings = {
  addressRequestsPerMinute: -1,
  projectRequestsPerMinute: -1,
  projectMutationsPerMinute: -1,
};
