/** Who there is: users, projects, roles, assignments, trusts and application credentials of the simulated Keystone. */
import { randomBytes } from 'node:crypto';
import type { World } from '../contract.ts';
import { type Collection, createCollection } from './collection.ts';

export const DOMAIN = { id: 'default', name: 'Default' };
/** The target of role assignments on the whole system. */
export const SYSTEM = 'system';
/** The target of role assignments on a domain, and the scope of tokens for one. */
export const targetOfDomain = (domainId: string): string => `domain:${domainId}`;

export interface Domain {
  id: string;
  name: string;
}

export interface User {
  id: string;
  name: string;
  password: string;
  enabled: boolean;
  defaultProjectId: string | null;
  /** Left out: the default domain. */
  domainId?: string;
  description?: string;
}

export interface Project {
  id: string;
  name: string;
  description: string;
  enabled: boolean;
  /** Left out: the default domain. */
  domainId?: string;
}

export interface Role {
  id: string;
  name: string;
}

export interface Assignment {
  id: string;
  userId: string;
  /** A project's id, SYSTEM, or a domain's target. */
  target: string;
  roleId: string;
}

export interface Trust {
  id: string;
  trustorId: string;
  trusteeId: string;
  projectId: string;
  impersonation: boolean;
  roleIds: string[];
  /** ISO time with microseconds; Keystone's database keeps whole seconds, so the fraction is always zero. */
  expiresAt: string | null;
  remainingUses: number | null;
  /** A deleted trust stays as a row, and still occupies its unique key. */
  deleted: boolean;
}

export interface AccessRule {
  id: string;
  service: string;
  method: string;
  path: string;
}

export interface ApplicationCredential {
  id: string;
  name: string;
  description: string | null;
  secret: string;
  userId: string;
  projectId: string;
  roleIds: string[];
  expiresAt: string | null;
  unrestricted: boolean;
  accessRules: AccessRule[] | null;
}

export interface IdentityState {
  /** Beside the default one. */
  domains: Collection<Domain>;
  users: Collection<User>;
  projects: Collection<Project>;
  roles: Collection<Role>;
  assignments: Collection<Assignment>;
  trusts: Collection<Trust>;
  applicationCredentials: Collection<ApplicationCredential>;
  domain(id: string): Domain | undefined;
  /** Of a user or a project. */
  domainOf(of: { domainId?: string }): Domain;
  /** The user's roles on a project (or SYSTEM, or a domain) with those they imply, sorted by name. */
  rolesOf(userId: string, target: string): Role[];
  withImplied(roleIds: readonly string[]): Role[];
  grant(userId: string, target: string, roleName: string): void;
}

/** Ids in Keystone are UUIDs without dashes. */
export const hexId = (): string => randomBytes(16).toString('hex');

/** Keystone's default implications. */
const IMPLIES: Record<string, readonly string[]> = {
  admin: ['member'],
  member: ['reader'],
  'load-balancer_member': ['load-balancer_observer'],
};

export const createIdentityState = (world: World): IdentityState => {
  const domains = createCollection<Domain>(world.table('identity/domains'), { name: (d) => d.name });
  const users = createCollection<User>(world.table('identity/users'), { name: (u) => u.name });
  const projects = createCollection<Project>(world.table('identity/projects'), { name: (p) => p.name });
  const roles = createCollection<Role>(world.table('identity/roles'), { name: (r) => r.name });
  const assignments = createCollection<Assignment>(world.table('identity/assignments'), {
    where: (a) => `${a.userId}/${a.target}`,
    user: (a) => a.userId,
    target: (a) => a.target,
  });
  const trusts = createCollection<Trust>(world.table('identity/trusts'), {
    trustor: (t) => t.trustorId,
    trustee: (t) => t.trusteeId,
    unique: trustKey,
  });
  const applicationCredentials = createCollection<ApplicationCredential>(world.table('identity/applicationCredentials'), {
    user: (c) => c.userId,
  });

  const withImplied = (roleIds: readonly string[]): Role[] => {
    const found = new Map<string, Role>();
    const add = (role: Role | undefined): void => {
      if (role === undefined || found.has(role.id)) return;
      found.set(role.id, role);
      for (const name of IMPLIES[role.name] ?? []) add(roles.by('name', name)[0]);
    };
    for (const id of roleIds) add(roles.get(id));
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  const rolesOf = (userId: string, target: string): Role[] =>
    withImplied(assignments.by('where', `${userId}/${target}`).map((a) => a.roleId));
  const grant = (userId: string, target: string, roleName: string): void => {
    const role = roles.by('name', roleName)[0] ?? roles.put({ id: hexId(), name: roleName });
    assignments.put({ id: `${userId}/${target}/${role.id}`, userId, target, roleId: role.id });
  };
  const domain = (id: string): Domain | undefined => (id === DOMAIN.id ? DOMAIN : domains.get(id));
  const domainOf = (of: { domainId?: string }): Domain => domain(of.domainId ?? DOMAIN.id) ?? DOMAIN;
  return { domains, users, projects, roles, assignments, trusts, applicationCredentials, domain, domainOf, rolesOf, withImplied, grant };
};

/** Keystone's unique constraint. Databases never find two NULLs equal, so trusts without an expiry are not held to it. */
export const trustKey = (t: Pick<Trust, 'trustorId' | 'trusteeId' | 'projectId' | 'impersonation' | 'expiresAt'>): string | null =>
  t.expiresAt === null ? null : [t.trustorId, t.trusteeId, t.projectId, t.impersonation, t.expiresAt].join('/');
