/** Opens the customer's project by the cluster's credential or trust, and nothing of anybody else's. */
import { sealedAt } from '../domain/cloudCredential.ts';
import { UserError } from '../domain/errors.ts';
import type { CloudFactory } from '../openstack/session.ts';
import type { Secrets } from '../store/secrets.ts';
import type { CloudRegistry } from './world.ts';

export interface ServiceLogin {
  username: string;
  password: string;
  userDomainName: string;
  projectName: string;
  projectDomainName: string;
}

interface CloudsDeps {
  factory: CloudFactory;
  login: ServiceLogin;
  /** Where clusters' own users are, by its id or name; null: there are none. */
  userDomain: string | null;
  secrets: Secrets;
}

/** Ids of domains are UUIDs without dashes, but for the first one's. */
const DOMAIN_ID = /^([0-9a-f]{32}|default)$/;

export const createClouds = (deps: CloudsDeps): CloudRegistry => {
  const { username, password, userDomainName } = deps.login;
  const forTrust = (trustId: string) => deps.factory.open({ kind: 'trust', username, password, userDomainName, trustId });
  const forCredential = (credential: { id: string; secret: string; ofCluster?: true }) =>
    deps.factory.open({ kind: 'applicationCredential', ...credential });
  const asTrustee = () => deps.factory.open({ kind: 'password', ...deps.login });
  let trustee: Promise<string> | null = null;
  return {
    forCluster: (row) => {
      const handed = row.credential?.current ?? null;
      if (handed !== null) {
        const secret = deps.secrets.open(handed.sealed, sealedAt(row.id));
        return forCredential({ id: handed.id, secret, ...(handed.kind === 'CLUSTER_USER' && { ofCluster: true }) });
      }
      const trustId = row.trust?.trustId ?? null;
      if (trustId === null) {
        throw new UserError('CLOUD_CREDENTIAL', 'Seedbed has no right to act in the project yet; retry the operation with a fresh token.', {
          whoMustAct: 'CUSTOMER',
        });
      }
      return forTrust(trustId);
    },
    forTrust,
    asTrustee,
    forToken: (token) => deps.factory.open({ kind: 'token', token }),
    forCredential,
    forUser: (user) => deps.factory.open({ kind: 'user', ...user }),
    userDomain: () => {
      const { userDomain: domain } = deps;
      if (domain === null) return null;
      return deps.factory.open({
        kind: 'password',
        username,
        password,
        userDomainName,
        domain: DOMAIN_ID.test(domain) ? { id: domain } : { name: domain },
      });
    },
    trusteeUserId: () => {
      trustee ??= asTrustee()
        .identity.whoAmI()
        .then((info) => info.userId);
      trustee.catch(() => {
        trustee = null;
      });
      return trustee;
    },
  };
};
