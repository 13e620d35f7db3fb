/** Opens the customer's project by the cluster's credential or trust, and nothing of anybody else's. */
import { sealedAt } from '../domain/cloudCredential.ts';
import { UserError } from '../domain/errors.ts';
import { type CloudFactory, type Credential, cloudAs } from '../openstack/session.ts';
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

export const createClouds = (deps: CloudsDeps): CloudRegistry => cloudsAs(deps, null, createTrusteeId(deps));

/** Asked for once. */
const createTrusteeId = ({ factory, login }: CloudsDeps): CloudRegistry['trusteeUserId'] => {
  let trustee: Promise<string> | null = null;
  return () => {
    trustee ??= factory
      .open({ kind: 'password', ...login })
      .identity.whoAmI()
      .then((info) => info.userId);
    trustee.catch(() => {
      trustee = null;
    });
    return trustee;
  };
};

const cloudsAs = (deps: CloudsDeps, requestId: string | null, trusteeUserId: CloudRegistry['trusteeUserId']): CloudRegistry => {
  const { username, password, userDomainName } = deps.login;
  const open = (credential: Credential) => cloudAs(deps.factory.open(credential), requestId);
  const forTrust = (trustId: string) => open({ kind: 'trust', username, password, userDomainName, trustId });
  const forCredential = (credential: { id: string; secret: string; ofCluster?: true }) =>
    open({ kind: 'applicationCredential', ...credential });
  return {
    as: (id) => cloudsAs(deps, id, trusteeUserId),
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
    asTrustee: () => open({ kind: 'password', ...deps.login }),
    forToken: (token) => open({ kind: 'token', token }),
    forCredential,
    forUser: (user) => open({ kind: 'user', ...user }),
    userDomain: () => {
      const { userDomain: domain } = deps;
      if (domain === null) return null;
      return open({
        kind: 'password',
        username,
        password,
        userDomainName,
        domain: DOMAIN_ID.test(domain) ? { id: domain } : { name: domain },
      });
    },
    trusteeUserId,
  };
};
