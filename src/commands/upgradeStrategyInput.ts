/** How a group's nodes are replaced, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import { BLOCKED_DRAINS } from '../domain/upgradeStrategy.ts';
import { clearable, given, tree, wholeNumber } from './parse.ts';

const DAY_SECONDS = 86_400;

const isNodes = (text: string): boolean => {
  const [, digits = '', percent] = /^(0|[1-9]\d{0,3})(%)?$/.exec(text) ?? [];
  return digits !== '' && Number(digits) <= (percent === undefined ? MAX_NODES_PER_GROUP : 100);
};
const nodes = z
  .string()
  .refine(isNodes, `must be a whole number from 0 to ${MAX_NODES_PER_GROUP} such as 2, or a share from 0% to 100% such as 25%`);

export const upgradeStrategyInput = tree({
  maxSurge: given(nodes),
  maxUnavailable: given(nodes),
  drainTimeoutSeconds: clearable(wholeNumber(0, DAY_SECONDS)),
  onBlockedDrain: given(z.enum(BLOCKED_DRAINS, `must be ${BLOCKED_DRAINS.join(' or ')}`)),
});
