/** What Seedbed acts by in a customer's project, as far as it may be shown. */
import type { ClusterRow } from '../store/reconcile.ts';
import { builder } from './builder.ts';
import { CloudCredentialKindEnum } from './enums.ts';

interface Shown {
  kind: 'TRUST' | 'APPLICATION_CREDENTIAL' | 'CLUSTER_USER';
  applicationCredentialId: string | null;
  name: string | null;
  userId: string;
  roles: string[];
  /** Milliseconds since the epoch. */
  expiresAt: number | null;
}

/** Null until one is in use. */
export const cloudCredentialOf = ({ trust, credential }: ClusterRow): Shown | null => {
  const current = credential?.current ?? null;
  if (current !== null) {
    const { kind, id, name, userId, roles, expiresAt } = current;
    return { kind, applicationCredentialId: id, name, userId, roles, expiresAt };
  }
  if (trust === null || trust.trustId === null) return null;
  const { trustorUserId: userId, roles, expiresAt } = trust;
  return { kind: 'TRUST', applicationCredentialId: null, name: null, userId, roles, expiresAt: Date.parse(expiresAt) };
};

export const CloudCredentialType = builder.objectRef<Shown>('CloudCredential').implement({
  description: "What Seedbed acts by in the cluster's project.",
  fields: (t) => ({
    kind: t.expose('kind', { type: CloudCredentialKindEnum, description: 'What it is.' }),
    applicationCredentialId: t.exposeString('applicationCredentialId', {
      nullable: true,
      description: "Of an application credential, handed in or made for the cluster's own user.",
    }),
    name: t.exposeString('name', { nullable: true, description: 'Its name in Keystone; a trust has none.' }),
    userId: t.exposeString('userId', { description: 'The user with whom it ends.' }),
    roles: t.exposeStringList('roles', { description: 'What it may do.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When it ends by itself; null: never.' }),
  }),
});
