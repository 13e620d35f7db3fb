/** Who calls: by the names of their tokens. */
import type { Actor } from '../../../src/domain/actor.ts';
import { createPolicy, KEYSTONE_ROLES, type Policy } from '../../../src/domain/policy.ts';
import type { Claims } from '../../../src/domain/policyRule.ts';
import { actorBy } from '../../commands/house.ts';
import type { World } from '../world.ts';

type Who = Pick<Actor, 'projectId' | 'roles'> & Partial<Claims>;

/** Lets a token in, under the policy that is given or the built-in one. */
export const letIn = (world: World, token: string, who: Who, policy: Policy = createPolicy(KEYSTONE_ROLES)): Actor => {
  const actor = actorBy({ userName: token, ...who }, policy);
  world.tokens.set(token, actor);
  return actor;
};

/** Who has no right to anything of the project blue: admins, members and readers of another one, members of none, who has none of its roles, and who has nothing at all. */
export const STRANGERS: Readonly<Record<string, Who>> = {
  otto: { projectId: 'red', roles: ['member', 'reader'] },
  mona: { projectId: 'red', roles: ['manager', 'member', 'reader'] },
  rolf: { projectId: 'red', roles: ['reader'] },
  unscoped: { projectId: null, roles: ['member', 'reader'] },
  ofADomain: { projectId: null, domainId: 'default', roles: ['admin', 'member', 'reader'] },
  roleless: { projectId: 'blue', roles: [] },
  bare: { projectId: null, roles: [] },
};

export const letStrangersIn = (world: World): void => {
  for (const [token, who] of Object.entries(STRANGERS)) letIn(world, token, who);
};
