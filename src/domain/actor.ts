/** Who calls, and what the policy allows. */
import type { Reach } from './accessRule.ts';
import type { TokenKind } from './auditLog.ts';
import { type ErrorDetail, UserError } from './errors.ts';
import { ACTIONS, type Action, actionNames, type Rights } from './policy.ts';

export interface Actor {
  userId: string;
  userName: string;
  userDomainName: string;
  /** The project the token is scoped to; null for a token without one, which may see nothing of any project by itself. */
  projectId: string | null;
  projectName: string | null;
  roles: readonly string[];
  /** By the rule cloud_admin; what that allows is in the rights. */
  isCloudAdmin: boolean;
  rights: Rights;
  tokenKind: TokenKind;
  /** The application credential's or the trust's that the token is by; null: it is by none. */
  credentialId: string | null;
  /** The calls that the token may be used for, by its application credential's access rules. */
  reach: Reach;
  /** Rules of the token can be kept here, or it has none. */
  isRulesKept: boolean;
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt: number;
}

/** What decides what somebody sees: two who are alike in it see the same. */
export type Seer = Pick<Actor, 'projectId' | 'rights'>;

/** The same text for all who see the same, and for nobody else; short, and made once for each. */
export const seerKeyOf = (seer: Seer): string => {
  const known = seerKeys.get(seer);
  if (known !== undefined) return known;
  const { projectId, rights } = seer;
  const digits = actionNames.map((action) => {
    const { own, mine, all } = rights[action];
    return (own ? 1 : 0) + (mine ? 2 : 0) + (all ? 4 : 0);
  });
  const key = JSON.stringify([projectId, digits.join('')]);
  seerKeys.set(seer, key);
  return key;
};

const seerKeys = new WeakMap<Seer, string>();

/** Of those who are asked nothing, such as a cluster's autoscaler, which changes its own cluster alone. */
export const NO_RIGHTS = Object.fromEntries(
  actionNames.map((action) => [action, { own: false, mine: false, all: false }]),
) as unknown as Rights;

/** Whose an object is; null: no project's. Without `userId` it is nobody's own. */
export interface Belonging {
  projectId: string | null;
  userId?: string;
}

/** May the actor do this to an object; without one, to the token's project or the cloud? A seer, who is no user, owns nothing. */
export const may = (actor: Seer & { userId?: string }, action: Action, target: Belonging = { projectId: actor.projectId }): boolean => {
  const { own, mine, all } = actor.rights[action];
  if (all) return true;
  if (target.projectId === null || target.projectId !== actor.projectId) return false;
  return own || (mine && target.userId !== undefined && target.userId === actor.userId);
};

/** Throws FORBIDDEN naming the rule. What the actor does not even see must be NOT_FOUND before this is asked. */
export const permit = (actor: Actor, action: Action, target?: Belonging, detail?: ErrorDetail): void => {
  if (!may(actor, action, target)) throw forbidden(action, detail);
};

/** The project of the token, in which the actor may do this. Throws FORBIDDEN. */
export const permittedProject = (actor: Actor, action: Action): string => {
  if (actor.projectId === null)
    throw new UserError('FORBIDDEN', 'This needs a token of a project, and yours is of none; ask Keystone for one with a project.');
  permit(actor, action, { projectId: actor.projectId });
  return actor.projectId;
};

export const forbidden = (action: Action, detail?: ErrorDetail): UserError => {
  const { rule, scope } = ACTIONS[action];
  const whom = scope === 'CLOUD' ? 'a cloud administrator' : 'an administrator of the project';
  return new UserError('FORBIDDEN', `The policy does not allow you this (${rule}); ask ${whom}.`, detail);
};
