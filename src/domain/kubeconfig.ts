/** Access to a cluster that was given to somebody: a certificate with a user name of its own, and the binding that makes it worth something. */

export type KubeconfigRole = 'ADMIN' | 'EDITOR' | 'VIEWER';

/** KUBECONFIG: we made the key. CERTIFICATE: the caller kept it and sent a signing request. */
export type KubeconfigKind = 'KUBECONFIG' | 'CERTIFICATE';

/** PENDING: not bound yet. REVOKING: taken back, and its binding may still be there. */
export type KubeconfigState = 'PENDING' | 'ACTIVE' | 'REVOKING' | 'REVOKED' | 'EXPIRED';

/** Times are milliseconds since the epoch. */
export interface KubeconfigTimes {
  expiresAt: number;
  boundAt: number | null;
  revokedAt: number | null;
  unboundAt: number | null;
}

export const kubeconfigState = ({ expiresAt, boundAt, revokedAt, unboundAt }: KubeconfigTimes, now: number): KubeconfigState => {
  if (revokedAt !== null) return unboundAt === null ? 'REVOKING' : 'REVOKED';
  if (expiresAt <= now) return 'EXPIRED';
  return boundAt === null ? 'PENDING' : 'ACTIVE';
};

/** Whether its binding is to be there. */
export const isInForce = (times: KubeconfigTimes, now: number): boolean => times.revokedAt === null && times.expiresAt > now;
