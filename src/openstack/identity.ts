/** Keystone v3: who is calling, and the trusts by which Seedbed acts in a customer's project. */
import { z } from 'zod';
import { Conflict, NotFound, Unavailable } from '../domain/errors.ts';
import type { Login, Service } from './service.ts';
import { part } from './service.ts';
import { type TokenInfo, tokenInfo, tokenSchema } from './token.ts';

/** `expiresAt` is an ISO time in UTC with microseconds, such as 2036-01-01T00:00:00.123456Z: with the other three it names one trust. */
export interface TrustKey {
  trustorUserId: string;
  trusteeUserId: string;
  projectId: string;
  expiresAt: string;
}

export interface Trust extends TrustKey {
  id: string;
  roles: string[];
  impersonation: boolean;
}

export interface Identity {
  /** Who the subject is, or null when the token is unknown, expired, revoked or malformed. Needs a credential that may validate tokens. */
  validateToken(subjectToken: string): Promise<TokenInfo | null>;
  whoAmI(): Promise<TokenInfo>;
  findTrust(key: TrustKey): Promise<Trust | undefined>;
  /** Must be called as the trustor. A trust with the same key is found and returned instead of made twice. */
  createTrust(spec: TrustKey & { roles: string[] }): Promise<Trust>;
  getTrust(id: string): Promise<Trust>;
  /** True when deleted, false when it was gone. */
  deleteTrust(id: string): Promise<boolean>;
}

const trustSchema = z
  .object({
    id: z.string(),
    trustor_user_id: z.string(),
    trustee_user_id: z.string(),
    project_id: z.string(),
    expires_at: z.string().nullish(),
    impersonation: z.boolean(),
    roles: z.array(z.object({ name: z.string() })).default([]),
  })
  .transform(
    (t): Trust => ({
      id: t.id,
      trustorUserId: t.trustor_user_id,
      trusteeUserId: t.trustee_user_id,
      projectId: t.project_id,
      expiresAt: t.expires_at ?? '',
      roles: t.roles.map((role) => role.name),
      impersonation: t.impersonation,
    }),
  );
const oneTrust = z.object({ trust: trustSchema });

const TRUSTS = '/OS-TRUST/trusts';

export const createIdentity = (deps: { service: Service; login: Login }): Identity => {
  const { service, login } = deps;

  const findTrust = async (key: TrustKey): Promise<Trust | undefined> => {
    const query = { trustor_user_id: key.trustorUserId, trustee_user_id: key.trusteeUserId };
    const trusts = await service.list(trustSchema, TRUSTS, 'trusts', query);
    return trusts.find((trust) => sameKey(trust, key));
  };

  return {
    validateToken: async (subjectToken) => {
      // Header values are printable ASCII; anything else is no token of Keystone's.
      if (!/^[\x21-\x7e]{1,8192}$/.test(subjectToken)) return null;
      const headers = { 'x-subject-token': subjectToken };
      try {
        return tokenInfo(await service.call(tokenSchema, 'GET', '/auth/tokens', { query: { nocatalog: true }, headers }));
      } catch (error) {
        // Our own login was renewed before a 401 gets here, so it is the subject's.
        if (error instanceof NotFound || (error instanceof Unavailable && error.detail.openstack?.status === 401)) return null;
        throw error;
      }
    },
    whoAmI: async () => (await login.token()).info,
    findTrust,
    createTrust: async (spec) => {
      const trust = {
        trustor_user_id: spec.trustorUserId,
        trustee_user_id: spec.trusteeUserId,
        project_id: spec.projectId,
        impersonation: true,
        allow_redelegation: false,
        expires_at: spec.expiresAt,
        roles: spec.roles.map((name) => ({ name })),
      };
      try {
        return (await service.call(oneTrust, 'POST', TRUSTS, { body: { trust } })).trust;
      } catch (error) {
        const twin = error instanceof Conflict ? await findTrust(spec) : undefined;
        if (twin === undefined) throw error;
        return twin;
      }
    },
    getTrust: async (id) => (await service.call(oneTrust, 'GET', `${TRUSTS}/${part(id)}`)).trust,
    deleteTrust: (id) => service.remove(`${TRUSTS}/${part(id)}`),
  };
};

const sameKey = (a: TrustKey & { impersonation: boolean }, b: TrustKey): boolean =>
  a.impersonation &&
  a.trustorUserId === b.trustorUserId &&
  a.trusteeUserId === b.trusteeUserId &&
  a.projectId === b.projectId &&
  microseconds(a.expiresAt) === microseconds(b.expiresAt);

/** The time to the microsecond as comparable text; Keystone leaves the fraction out in some answers and pads it in others. */
const microseconds = (iso: string): string => {
  const m = /^(.*?)(?:\.(\d{1,6})\d*)?(?:Z|\+00:00)$/.exec(iso);
  return m === null ? iso : `${m[1]}.${(m[2] ?? '').padEnd(6, '0')}`;
};
