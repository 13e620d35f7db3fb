/** How node groups are scaled by load, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { given, tree, wholeNumber } from './parse.ts';

const DAY_SECONDS = 86_400;

export const autoScalingInput = tree({
  // Each look reads all pods and nodes anew.
  scanIntervalSeconds: given(wholeNumber(5, 600)),
  scaleDownEnabled: given(z.boolean()),
  scaleDownDelaySeconds: given(wholeNumber(0, DAY_SECONDS)),
  scaleDownUnneededSeconds: given(wholeNumber(10, DAY_SECONDS)),
  scaleDownUtilizationPercent: given(wholeNumber(1, 100)),
});
