/** What Seedbed acts by in a customer's project where that is an application credential: of the cluster's own user, or handed in by the customer. */
import type { TrustReference, TrustTerms } from './cluster.ts';
import { UserError } from './errors.ts';

/** The secret's name, with the cluster as its owner: the token of who asked last, while something is to be made in his name. */
export const CALLER_TOKEN = 'callerToken';

/** An application credential of the customer's. */
export interface HandedCredential {
  kind: 'APPLICATION_CREDENTIAL';
  id: string;
  /** Its secret, sealed at `sealedAt`. */
  sealed: string;
}

/** An application credential of the user that Seedbed made for this cluster alone. */
export interface UserCredential extends Omit<HandedCredential, 'kind'> {
  kind: 'CLUSTER_USER';
}

/** One that is to be made for that user: what it is called and its secret are noted first, so that it is found after a crash, and its secret known. */
export interface WantedUserCredential {
  kind: 'CLUSTER_USER';
  name: string;
  /** Its secret, sealed at `sealedAt`. */
  sealed: string;
  /** In place of one that Keystone ended, without anybody's asking: the user is taken as it is. */
  again?: true;
}

/** What Keystone says of one. */
export interface CredentialFacts {
  name: string;
  userId: string;
  projectId: string;
  roles: string[];
  unrestricted: boolean;
  /** Milliseconds since the epoch; null: it does not end by itself. */
  expiresAt: number | null;
}

/** A trust of the caller's in place of what is in use. */
export interface WantedTrust extends TrustTerms {
  kind: 'TRUST';
}

export interface CloudCredentials {
  /** Checked and in use; null: the cluster's trust is. */
  current: ((HandedCredential | UserCredential) & CredentialFacts) | null;
  /** Asked for, and not in use yet. */
  next: HandedCredential | WantedTrust | WantedUserCredential | null;
  /** When the one in use took the place of another that is still to be ended. */
  since: number | null;
}

export const NO_CREDENTIAL: CloudCredentials = { current: null, next: null, since: null };

/** Seedbed may act in the project, as far as it knows. */
export const hasRight = (row: { trust: TrustReference | null; credential: CloudCredentials | null }): boolean =>
  row.credential?.current != null || row.trust?.trustId != null;

/** Where the secret of a cluster's credential is sealed. */
export const sealedAt = (clusterId: string): string => `${clusterId}/cloudCredential`;

/** `randomToken`, `seal`: where secrets come from, and how they are sealed. */
export const newUserCredential = (
  { id, shortId }: { id: string; shortId: string },
  { randomToken, seal }: { randomToken: (length: number) => string; seal: (text: string, place: string) => string },
): WantedUserCredential => ({
  kind: 'CLUSTER_USER',
  name: `seedbed-${shortId}-${randomToken(6)}`,
  sealed: seal(randomToken(64), sealedAt(id)),
});

/** The remedy for a handed-in credential that holds no longer, as part of a sentence. */
export const RENEW_CREDENTIAL =
  'hand in another with rotateCloudCredential; to delete the cluster, delete it, or retry its deletion, as a member of the project';

/** The remedy where the user that Seedbed made for the cluster is let in no longer, as part of a sentence. */
export const RENEW_CLUSTER_USER =
  'enable the user, and give it back its roles in the project, and it goes on by itself; where the user was deleted, rotateCloudCredential makes another';

/** With less left a credential would end before anybody has got used to the cluster. */
const LEAST_DAYS = 7;
/** From then on the condition asks for another. */
const SOON_DAYS = 14;
const DAY_MS = 86_400_000;

/** @throws CLOUD_CREDENTIAL naming the fault and the remedy. `wanted`: roles of which it must have one. */
export const checkFacts = (facts: CredentialFacts, at: { projectId: string; wanted: readonly string[]; now: number }): void => {
  const refuse = (why: string): never => {
    throw refused(`The application credential ${JSON.stringify(facts.name)} ${why}`);
  };
  if (facts.projectId !== at.projectId) refuse("belongs to another project; make it with a login to the cluster's own project.");
  if (!facts.roles.some((role) => at.wanted.includes(role)))
    refuse(`has none of the roles that Seedbed acts by (${at.wanted.join(', ')}); make it with them.`);
  if (facts.roles.includes('admin')) refuse(`has the role admin, which no cluster needs; make it with ${at.wanted.join(', ')} alone.`);
  if (facts.unrestricted) refuse('is unrestricted: whoever reads it could make others; make it without --unrestricted.');
  if (facts.expiresAt !== null && facts.expiresAt - at.now < LEAST_DAYS * DAY_MS)
    refuse(`ends at ${new Date(facts.expiresAt).toISOString()}; it must be good for ${LEAST_DAYS} days at the least, or have no end.`);
};

/** `message`: what is wrong with what was handed in, and the remedy. */
export const refused = (message: string): UserError =>
  new UserError('CLOUD_CREDENTIAL', message, { field: ['credential'], whoMustAct: 'CUSTOMER' });

/** Sentences for people. */
export const describeFacts = ({ name, userId, expiresAt }: CredentialFacts, now: number): string => {
  const end = expiresAt === null ? 'without an end' : `until ${new Date(expiresAt).toISOString()}`;
  const soon = expiresAt !== null && expiresAt - now < SOON_DAYS * DAY_MS;
  return `Application credential ${JSON.stringify(name)} of user ${userId}, ${end}.${soon ? ' Before that, hand in another with rotateCloudCredential.' : ''}`;
};
