/** Tokens of the simulated Keystone: opaque, remembered over a restart, and judged anew at each use, as Fernet tokens are. */
import { randomBytes } from 'node:crypto';
import type { World } from '../contract.ts';
import { type AccessRule, type IdentityState, type Role, SYSTEM } from './identityState.ts';

export interface Token {
  id: string;
  methods: string[];
  userId: string;
  /** A project's id, SYSTEM, a domain's target, or null for an unscoped token. */
  scope: string | null;
  /** Of a token for a domain. */
  domainId?: string;
  issuedAt: number;
  expiresAt: number;
  auditIds: string[];
  trustId: string | null;
  applicationCredentialId: string | null;
}

/** Who is calling, as a service's policy sees it. */
export interface Actor {
  token: Token;
  userId: string;
  /** '' when the token is not scoped to a project. */
  projectId: string;
  /** Of a token for a domain, in which alone its roles count: Keystone's secure defaults, which not every cloud has. */
  domainId: string | null;
  roles: readonly Role[];
  /** Cloud administrator: in this cloud the role `admin` on any project. */
  isAdmin: boolean;
  /** May change things in its project. */
  canWrite: boolean;
  canRead: boolean;
  accessRules: readonly AccessRule[] | null;
}

export interface Tokens {
  issue(token: Omit<Token, 'id' | 'issuedAt' | 'auditIds'>, parent?: Token): Token;
  /**
   * The token if it is good now: not expired or revoked, its user, project, trust and roles still there. `allowExpired`: or has expired no
   * longer ago than Keystone's `allow_expired_window`.
   */
  find(id: string, allowExpired?: boolean): Token | undefined;
  actorOf(id: string): Actor | undefined;
  rolesOf(token: Token): Role[];
  revoke(id: string): void;
  /** Returns how many ended. */
  revokeWhere(test: (token: Token) => boolean): number;
  size(): number;
}

const isOfProject = (token: Token): boolean => token.scope !== null && token.scope !== SYSTEM && token.domainId === undefined;

export const ANONYMOUS: Actor = {
  token: {
    id: '',
    methods: [],
    userId: '',
    scope: null,
    issuedAt: 0,
    expiresAt: 0,
    auditIds: [],
    trustId: null,
    applicationCredentialId: null,
  },
  userId: '',
  projectId: '',
  domainId: null,
  roles: [],
  isAdmin: false,
  canWrite: false,
  canRead: false,
  accessRules: null,
};

/** Keystone's `[token] allow_expired_window` unless it is set up otherwise. */
const EXPIRED_WINDOW_MS = 172_800_000;

/** Logins between two looks for expired tokens. */
const SWEEP_EVERY = 500;

export const createTokens = (deps: { world: World; identity: IdentityState; now: () => number }): Tokens => {
  const { identity, now } = deps;
  const table = deps.world.table<Token>('identity/tokens');
  const sweep = (): void => {
    for (const token of [...table.values()]) if (token.expiresAt + EXPIRED_WINDOW_MS < now()) table.delete(token.id);
  };
  sweep();
  let issued = 0;

  const delegationStands = (token: Token): boolean => {
    if (token.trustId !== null) {
      const trust = identity.trusts.get(token.trustId);
      return trust !== undefined && !trust.deleted && (trust.expiresAt === null || Date.parse(trust.expiresAt) > now());
    }
    return token.applicationCredentialId === null || identity.applicationCredentials.get(token.applicationCredentialId) !== undefined;
  };
  const find = (id: string, allowExpired = false): Token | undefined => {
    const token = table.get(id);
    if (token === undefined) return undefined;
    if (token.expiresAt + (allowExpired ? EXPIRED_WINDOW_MS : 0) <= now()) return undefined;
    if (identity.users.get(token.userId)?.enabled !== true || !delegationStands(token)) return undefined;
    if (isOfProject(token) && identity.projects.get(token.scope ?? '')?.enabled !== true) return undefined;
    return token.scope !== null && rolesOf(token).length === 0 ? undefined : token;
  };
  const rolesOf = (token: Token): Role[] => {
    if (token.scope === null) return [];
    if (token.trustId !== null) {
      const trust = identity.trusts.get(token.trustId);
      if (trust === undefined) return [];
      const held = new Set(identity.rolesOf(trust.trustorId, trust.projectId).map((r) => r.id));
      return trust.roleIds.every((id) => held.has(id)) ? identity.withImplied(trust.roleIds) : [];
    }
    if (token.applicationCredentialId !== null) {
      // Its roles and none that they imply: seen on Keystone Zed.
      const { roleIds = [] } = identity.applicationCredentials.get(token.applicationCredentialId) ?? {};
      return roleIds.flatMap((role) => identity.roles.get(role) ?? []);
    }
    return identity.rolesOf(token.userId, token.scope);
  };
  const actorOf = (id: string): Actor | undefined => {
    const token = find(id);
    if (token === undefined) return undefined;
    const roles = rolesOf(token);
    const has = (name: string): boolean => roles.some((r) => r.name === name);
    const credential =
      token.applicationCredentialId === null ? undefined : identity.applicationCredentials.get(token.applicationCredentialId);
    return {
      token,
      userId: token.userId,
      projectId: isOfProject(token) ? (token.scope ?? '') : '',
      domainId: token.domainId ?? null,
      roles,
      isAdmin: has('admin') && token.domainId === undefined,
      canWrite: has('member') && token.domainId === undefined,
      canRead: has('reader') && token.domainId === undefined,
      accessRules: credential?.accessRules ?? null,
    };
  };
  const revokeWhere = (test: (token: Token) => boolean): number => {
    const ended = [...table.values()].filter(test);
    for (const token of ended) table.delete(token.id);
    return ended.length;
  };
  return {
    issue: (fields, parent) => {
      const audit = randomBytes(16).toString('base64url');
      const token: Token = {
        ...fields,
        id: `gAAAAA${randomBytes(66).toString('base64url')}`,
        issuedAt: Math.floor(now() / 1000) * 1000,
        auditIds: [audit, ...(parent?.auditIds.slice(-1) ?? [])],
      };
      table.set(token.id, token);
      issued += 1;
      if (issued % SWEEP_EVERY === 0) sweep();
      return token;
    },
    find,
    actorOf,
    rolesOf,
    revoke: (id) => table.delete(id),
    revokeWhere,
    size: () => table.size,
  };
};

/** Whether an application credential's rules allow the call; `*` and `{x}` stand for one or more characters of a segment, `**` for anything. */
export const accessAllowed = (rules: readonly AccessRule[], service: string, method: string, path: string): boolean =>
  rules.some((rule) => {
    if (rule.service !== service || rule.method !== method) return false;
    const pattern = rule.path
      .replace(/[.+?^$()|[\]\\]/g, '\\$&')
      .replace(/\{[^}]*\}/g, '[^/]+')
      .replace(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]+'));
    return new RegExp(`^${pattern}$`).test(path);
  });
