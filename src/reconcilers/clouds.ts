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

export const createClouds = (deps: { factory: CloudFactory; login: ServiceLogin; secrets: Secrets }): CloudRegistry => {
  const { username, password, userDomainName } = deps.login;
  const forTrust = (trustId: string) => deps.factory.open({ kind: 'trust', username, password, userDomainName, trustId });
  const forCredential = (credential: { id: string; secret: string }) => deps.factory.open({ kind: 'applicationCredential', ...credential });
  const asTrustee = () => deps.factory.open({ kind: 'password', ...deps.login });
  let trustee: Promise<string> | null = null;
  return {
    forCluster: (row) => {
      const handed = row.credential?.current ?? null;
      if (handed !== null) return forCredential({ id: handed.id, secret: deps.secrets.open(handed.sealed, sealedAt(row.id)) });
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
