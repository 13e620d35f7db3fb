/** How new authorities take the place of old ones while everybody goes on: trusted first, then used, then alone. */
import {
  AUTHORITIES,
  type Authority,
  type AuthorityName,
  createAuthority,
  crossSign,
  type KeyPair,
  openAuthority,
  type PkiDeps,
} from './authority.ts';
import type { ClusterPki } from './bundle.ts';
import { createServiceAccountKey } from './keys.ts';

/** NONE: one authority each. TRUST: those to come are trusted. ISSUE: they sign, and those before are still trusted. */
export type RotationPhase = 'NONE' | 'TRUST' | 'ISSUE';

/** Keys: while they are needed, and null from the day on which nobody is to sign with them any more. */
export interface OtherAuthorities {
  authorities: Record<AuthorityName, { cert: string; key: string | null }>;
  serviceAccount: { key: string | null; publicKey: string };
}

export interface Rotation {
  phase: RotationPhase;
  /** Rotations that are finished. */
  turn: number;
  /** Everything that runs in the seed reads this very form. */
  spread: boolean;
  /** When the newest authorities began to sign, in milliseconds since the epoch; 0 for a cluster's first. */
  since: number;
  /** In TRUST those to come, in ISSUE those that go. */
  other: OtherAuthorities | null;
  /** The new `ca` as the old one signs it: servers show it, so that who knows only the old one can follow. */
  cross: string | null;
}

/** What a step of a rotation makes different; the rest of the cluster's keys and certificates follows from it. */
export type RotationChange = Pick<ClusterPki, 'authorities' | 'serviceAccount' | 'rotation'>;

export const NO_ROTATION: Rotation = { phase: 'NONE', turn: 0, spread: true, since: 0, other: null, cross: null };

/** New authorities and a new service account key that sign nothing yet. */
export const startRotation = async (pki: ClusterPki, deps: PkiDeps): Promise<RotationChange> => {
  const made = async (name: AuthorityName): Promise<KeyPair> => createAuthority(AUTHORITIES[name], deps);
  const authorities = { ca: await made('ca'), frontProxyCa: await made('frontProxyCa'), etcdCa: await made('etcdCa') };
  const old: Authority = await openAuthority(pki.authorities.ca);
  const cross = await crossSign(authorities.ca, old, deps);
  return {
    authorities: pki.authorities,
    serviceAccount: pki.serviceAccount,
    rotation: { ...pki.rotation, phase: 'TRUST', spread: false, other: { authorities, serviceAccount: createServiceAccountKey() }, cross },
  };
};

/** From here on the new ones sign; the old ones' keys are forgotten at once, for nobody needs them. */
export const switchRotation = (pki: ClusterPki, now: number): RotationChange => {
  const { other } = pki.rotation;
  if (other === null) throw new Error('There are no authorities to switch to.');
  const withKey = (name: AuthorityName): KeyPair => {
    const { cert, key } = other.authorities[name];
    if (key === null) throw new Error(`The key of the new authority ${name} is missing.`);
    return { cert, key };
  };
  if (other.serviceAccount.key === null) throw new Error('The new service account key is missing.');
  const gone = (name: AuthorityName) => ({ cert: pki.authorities[name].cert, key: null });
  return {
    authorities: { ca: withKey('ca'), frontProxyCa: withKey('frontProxyCa'), etcdCa: withKey('etcdCa') },
    serviceAccount: { key: other.serviceAccount.key, publicKey: other.serviceAccount.publicKey },
    rotation: {
      ...pki.rotation,
      phase: 'ISSUE',
      spread: false,
      since: now,
      other: {
        authorities: { ca: gone('ca'), frontProxyCa: gone('frontProxyCa'), etcdCa: gone('etcdCa') },
        serviceAccount: { key: null, publicKey: pki.serviceAccount.publicKey },
      },
    },
  };
};

/** The old ones are trusted no more. */
export const endRotation = ({ authorities, serviceAccount, rotation }: ClusterPki): RotationChange => ({
  authorities,
  serviceAccount,
  rotation: { ...rotation, phase: 'NONE', turn: rotation.turn + 1, spread: false, other: null, cross: null },
});

type TrustSource = Pick<ClusterPki, 'authorities' | 'serviceAccount'> & { rotation?: Rotation };

/** What programs are given to trust, as PEM. Whoever signs now stands first: some read only that one. */
export interface Trust extends Record<AuthorityName, string> {
  serviceAccountKeys: string;
  /** Goes behind certificates that the `ca` signed; empty but for the time in which its predecessor is known out there. */
  chain: string;
}

/** Of a whole form, or of one that was stored before there were rotations. */
export const trustOf = ({ authorities, serviceAccount, rotation = NO_ROTATION }: TrustSource): Trust => {
  const { phase, other, cross } = rotation;
  const bundle = (name: AuthorityName): string => `${authorities[name].cert}${other?.authorities[name].cert ?? ''}`;
  return {
    ca: bundle('ca'),
    frontProxyCa: bundle('frontProxyCa'),
    etcdCa: bundle('etcdCa'),
    serviceAccountKeys: `${serviceAccount.publicKey}${other?.serviceAccount.publicKey ?? ''}`,
    chain: phase === 'ISSUE' ? (cross ?? '') : '',
  };
};
