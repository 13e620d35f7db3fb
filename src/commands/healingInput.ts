/** When workers are replaced, as input: all optional, each with its bounds. */
import { given, tree, wholeNumber } from './parse.ts';

const DAY_SECONDS = 86_400;

export const healingInput = tree({
  // Less than a kubelet's restart would replace machines that are well.
  nodeLimitSeconds: given(wholeNumber(10, DAY_SECONDS)),
  joinLimitSeconds: given(wholeNumber(60, DAY_SECONDS)),
  maxUnhealthyPercent: given(wholeNumber(1, 100)),
});
