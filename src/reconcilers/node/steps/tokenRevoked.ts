/** Once the node is in, its token is nobody's business any more. */
import type { Step } from '../../../engine/flow.ts';
import type { NodeScope } from '../scope.ts';
import { revoke } from './bootstrapToken.ts';
import { joined } from './joined.ts';

export const tokenRevoked: Step<NodeScope> = {
  name: 'TokenRevoked',
  title: 'Take the token back',
  usuallyMs: 5_000,
  needs: [joined],
  ensure: revoke,
};
