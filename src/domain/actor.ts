/** Who calls, and what the roles of a Keystone token allow. */
import { UserError } from './errors.ts';

export interface Actor {
  userId: string;
  userName: string;
  userDomainName: string;
  /** The project the token is scoped to; null for a token without one, which may see nothing of any project. */
  projectId: string | null;
  projectName: string | null;
  roles: readonly string[];
  /** `admin` in Keystone: all projects, seeds, public templates. */
  isCloudAdmin: boolean;
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt: number;
}

const READERS = ['reader', 'member', 'admin'];
const MEMBERS = ['member', 'admin'];

export const mayRead = (actor: Actor): boolean => actor.projectId !== null && actor.roles.some((r) => READERS.includes(r));
export const mayWrite = (actor: Actor): boolean => actor.projectId !== null && actor.roles.some((r) => MEMBERS.includes(r));

/** May the actor see an object of this project? Cloud admins see all. */
export const sees = (actor: Actor, projectId: string): boolean => actor.isCloudAdmin || (mayRead(actor) && actor.projectId === projectId);

/** The project in which the actor may change things. Throws FORBIDDEN with the role that is missing. */
export const writableProject = (actor: Actor): string => {
  if (actor.projectId !== null && mayWrite(actor)) return actor.projectId;
  throw new UserError('FORBIDDEN', 'This needs the role "member" in the project of your token; ask a project administrator for it.');
};

/** Throws FORBIDDEN unless the actor is a cloud admin. */
export const requireCloudAdmin = (actor: Actor): void => {
  if (!actor.isCloudAdmin) throw new UserError('FORBIDDEN', 'Only a cloud administrator may do this.');
};
