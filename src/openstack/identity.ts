/** Keystone v3: who is calling, and the trusts by which Seedbed acts in a customer's project. */
import { z } from 'zod';
import { Conflict, NotFound } from '../domain/errors.ts';
import type { Login, Query, Service } from './service.ts';
import { isUnauthorized, part } from './service.ts';
import { type TokenInfo, tokenInfo, tokenSchema } from './token.ts';

/**
 * What names one trust: Keystone refuses a second one with the same four (409). `expiresAt` is an ISO time in UTC with
 * microseconds, such as 2036-01-01T00:00:00.123456Z. Keystone stores the microseconds but answers whole seconds, so the full
 * text travels in an attribute of ours, which Keystone keeps and shows like every attribute it does not know.
 */
export interface TrustKey {
  trustorUserId: string;
  trusteeUserId: string;
  projectId: string;
  expiresAt: string;
}

export interface Trust extends TrustKey {
  id: string;
  /** Empty in what `findTrust` gives: Keystone's list leaves roles out. */
  roles: string[];
  impersonation: boolean;
}

/** `expiresAt`: milliseconds since the epoch. */
export interface ApplicationCredential {
  id: string;
  name: string;
  projectId: string;
  roles: string[];
  unrestricted: boolean;
  expiresAt: number | null;
}

export interface ApplicationCredentialSpec {
  name: string;
  description: string;
  secret: string;
  roles: string[];
}

export interface Identity {
  /**
   * Who the subject is, or null when the token is unknown, expired, revoked or malformed. Needs a credential that may validate tokens.
   * `allowExpired`: one that has expired is good for as long as Keystone lets it be (two days unless it is set up otherwise). Who asks
   * must keep the token's access rules.
   */
  validateToken(subjectToken: string, how?: { allowExpired?: boolean }): Promise<TokenInfo | null>;
  whoAmI(): Promise<TokenInfo>;
  /** Asks Keystone whether our own login still stands, and logs in anew where it does not. Throws as a login does. */
  checkLogin(): Promise<void>;
  /** As the trustor, as the trustee, or with the trust's own token; others may not list it. */
  findTrust(key: TrustKey): Promise<Trust | undefined>;
  /** As the trustee, whoever lent it: for a trust that was asked for, and whose trustor is not at hand. */
  findLentTrust(key: Pick<TrustKey, 'projectId' | 'expiresAt'>): Promise<Trust | undefined>;
  /** As the trustee: the ids of all that is lent. */
  lentTrustIds(): Promise<ReadonlySet<string>>;
  /**
   * As the trustor, and not with an application credential (Keystone refuses those). A trust with the same key is found and
   * returned instead of made twice. A deleted trust keeps its key for ever: then Conflict, and another `expiresAt` is needed.
   */
  createTrust(spec: TrustKey & { roles: string[] }): Promise<Trust>;
  getTrust(id: string): Promise<Trust>;
  /** As the trustor or with the trust's own token. True when deleted, false when it was gone. */
  deleteTrust(id: string): Promise<boolean>;
  /** As the user himself. Its name is unique among his. */
  findApplicationCredential(userId: string, name: string): Promise<{ id: string } | undefined>;
  /** As the user himself, or with the application credential's own token. */
  getApplicationCredential(userId: string, id: string): Promise<ApplicationCredential>;
  /** As the user himself, for the token's project, and not with a trust or an application credential (Keystone refuses those). */
  createApplicationCredential(userId: string, spec: ApplicationCredentialSpec): Promise<{ id: string }>;
  /** As the user himself. True when deleted, false when it was gone. */
  deleteApplicationCredential(userId: string, id: string): Promise<boolean>;
}

const listedTrust = z
  .object({
    id: z.string(),
    trustor_user_id: z.string(),
    trustee_user_id: z.string(),
    project_id: z.string().nullish(),
    expires_at: z.string().nullish(),
    seedbed_expires_at: z.string().optional(),
    impersonation: z.boolean(),
    roles: z.array(z.object({ name: z.string() })).default([]),
  })
  .transform((t) => ({
    id: t.id,
    trustorUserId: t.trustor_user_id,
    trusteeUserId: t.trustee_user_id,
    projectId: t.project_id ?? '',
    expiresAt: t.seedbed_expires_at ?? t.expires_at ?? '',
    roles: t.roles.map((role) => role.name),
    impersonation: t.impersonation,
    /** Whether `expiresAt` is as it was asked for, not cut to seconds. */
    fullTime: t.seedbed_expires_at !== undefined,
  }));
type ListedTrust = z.output<typeof listedTrust>;
const oneTrust = z.object({ trust: listedTrust.transform(({ fullTime: _, ...trust }): Trust => trust) });

const named = z.object({ id: z.string(), name: z.string() });
const oneCredential = z.object({ application_credential: named });
const wholeCredential = z.object({
  application_credential: named
    .extend({
      project_id: z.string(),
      roles: z.array(z.object({ name: z.string() })),
      unrestricted: z.boolean(),
      expires_at: z.string().nullish(),
    })
    .transform(
      ({ id, name, project_id, roles, unrestricted, expires_at }): ApplicationCredential => ({
        id,
        name,
        projectId: project_id,
        roles: roles.map((role) => role.name),
        unrestricted,
        // Keystone's times are UTC, whether they say so or not.
        expiresAt: expires_at == null ? null : Date.parse(expires_at.replace(/Z?$/, 'Z')),
      }),
    ),
});
const credentialsOf = (userId: string): string => `/users/${part(userId)}/application_credentials`;

const TRUSTS = '/OS-TRUST/trusts';

export const createIdentity = (deps: { service: Service; login: Login }): Identity => {
  const { service, login } = deps;

  const findTrust = async (key: TrustKey): Promise<Trust | undefined> => {
    // Keystone filters by one of the two only, and lets each see his own side only. A trust's token speaks as the trustor.
    const isTrustor = (await login.token()).info.userId === key.trustorUserId;
    const query = isTrustor ? { trustor_user_id: key.trustorUserId } : { trustee_user_id: key.trusteeUserId };
    return choose(await service.list(listedTrust, TRUSTS, 'trusts', query), (trust) => isBetween(trust, key), key.expiresAt);
  };

  const lent = async () => {
    const { userId } = (await login.token()).info;
    return { userId, trusts: await service.list(listedTrust, TRUSTS, 'trusts', { trustee_user_id: userId }) };
  };

  const validateToken: Identity['validateToken'] = async (subjectToken, { allowExpired = false } = {}) => {
    // Header values are printable ASCII; anything else is no token of Keystone's.
    if (!/^[\x21-\x7e]{1,8192}$/.test(subjectToken)) return null;
    // Keystone hides tokens with access rules from who does not say that he keeps them.
    const headers = { 'x-subject-token': subjectToken, 'openstack-identity-access-rules': '1.0' };
    const expired = allowExpired ? { allow_expired: 1 } : {};
    const look = async (query: Query) => tokenInfo(await service.call(tokenSchema, 'GET', '/auth/tokens', { query, headers }));
    try {
      const info = await look({ nocatalog: true, ...expired });
      // Few tokens have rules, and rules are kept by the catalogue.
      return info.accessRules === null ? info : await look(expired);
    } catch (error) {
      // Our own login was renewed before a 401 gets here, so it is the subject's.
      if (error instanceof NotFound || isUnauthorized(error)) return null;
      throw error;
    }
  };

  return {
    validateToken,
    whoAmI: async () => (await login.token()).info,
    checkLogin: async () => {
      const token = await login.token();
      if ((await validateToken(token.value)) !== null) return;
      await login.renew(token);
      await login.token();
    },
    findTrust,
    findLentTrust: async ({ projectId, expiresAt }) => {
      const { userId, trusts } = await lent();
      const isLent = (trust: Trust) => trust.impersonation && trust.trusteeUserId === userId && trust.projectId === projectId;
      return choose(trusts, isLent, expiresAt);
    },
    lentTrustIds: async () => new Set((await lent()).trusts.map(({ id }) => id)),
    createTrust: async (spec) => {
      try {
        return (await service.call(oneTrust, 'POST', TRUSTS, { body: { trust: trustBody(spec) } })).trust;
      } catch (error) {
        const twin = error instanceof Conflict ? await findTrust(spec) : undefined;
        if (twin === undefined) throw error;
        return twin;
      }
    },
    getTrust: async (id) => (await service.call(oneTrust, 'GET', `${TRUSTS}/${part(id)}`)).trust,
    deleteTrust: (id) => service.remove(`${TRUSTS}/${part(id)}`),
    findApplicationCredential: async (userId, name) =>
      (await service.list(named, credentialsOf(userId), 'application_credentials', { name })).find((found) => found.name === name),
    getApplicationCredential: async (userId, id) =>
      (await service.call(wholeCredential, 'GET', `${credentialsOf(userId)}/${part(id)}`)).application_credential,
    createApplicationCredential: async (userId, { roles, ...spec }) => {
      const body = { application_credential: { ...spec, roles: roles.map((role) => ({ name: role })), unrestricted: false } };
      return (await service.call(oneCredential, 'POST', credentialsOf(userId), { body })).application_credential;
    },
    deleteApplicationCredential: (userId, id) => service.remove(`${credentialsOf(userId)}/${part(id)}`),
  };
};

const choose = (trusts: ListedTrust[], fits: (trust: Trust) => boolean, expiresAt: string): Trust | undefined => {
  const candidates = trusts.filter(fits);
  const exact = candidates.find((trust) => trust.fullTime && sameTime(trust.expiresAt, expiresAt, 'microsecond'));
  // Where Keystone shows no trust with our attribute it may have dropped it, and the second is all there is to go by.
  if (exact !== undefined || trusts.some((trust) => trust.fullTime)) return exact;
  return candidates.find((trust) => sameTime(trust.expiresAt, expiresAt, 'second'));
};

const trustBody = (spec: TrustKey & { roles: string[] }): object => ({
  trustor_user_id: spec.trustorUserId,
  trustee_user_id: spec.trusteeUserId,
  project_id: spec.projectId,
  impersonation: true,
  allow_redelegation: false,
  expires_at: spec.expiresAt,
  seedbed_expires_at: spec.expiresAt,
  roles: spec.roles.map((name) => ({ name })),
});

const isBetween = (a: Trust, b: TrustKey): boolean =>
  a.impersonation && a.trustorUserId === b.trustorUserId && a.trusteeUserId === b.trusteeUserId && a.projectId === b.projectId;

const sameTime = (a: string, b: string, precision: 'second' | 'microsecond'): boolean => {
  const [aSecond, aFraction] = secondAndFraction(a);
  const [bSecond, bFraction] = secondAndFraction(b);
  return aSecond === bSecond && (precision === 'second' || aFraction === bFraction);
};

const secondAndFraction = (iso: string): [string, string] => {
  const m = /^(.*?)(?:\.(\d{1,6})\d*)?(?:Z|\+00:00)$/.exec(iso);
  return m === null ? [iso, ''] : [m[1] ?? '', (m[2] ?? '').padEnd(6, '0')];
};
