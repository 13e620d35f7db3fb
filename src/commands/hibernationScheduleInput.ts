/** When a cluster hibernates by itself, as input; the list of windows is replaced as a whole. */
import { isWithoutWaking } from '../domain/hibernation.ts';
import { given, tree } from './parse.ts';
import { windowsInput } from './weeklyWindowInput.ts';

/** Within it each day comes once. */
const LONGEST_HOURS = 7 * 24 - 1;

export const hibernationScheduleInput = tree({
  windows: given(
    windowsInput(LONGEST_HOURS).refine(
      (windows) => !isWithoutWaking(windows),
      'must leave hours between the windows, for under these the cluster would never wake; to have it sleep until somebody wakes it, call hibernateCluster',
    ),
  ),
});
