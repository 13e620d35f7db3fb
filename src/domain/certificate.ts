/** Certificates as they are shown: whose they are and when they end; never a key. */

/** AUTHORITY signs others. SERVER and CLIENT are what a leaf may be used as; PEER is both. */
export type CertificateKind = 'AUTHORITY' | 'SERVER' | 'CLIENT' | 'PEER';

/** Times are milliseconds since the epoch. */
export interface CertificateFact {
  /** Unique in its cluster, such as "apiServer". */
  name: string;
  kind: CertificateKind;
  /** "CN=…" with each group as "O=…" before it. */
  subject: string;
  /** Name of the authority that signed it; its own for an authority. */
  signedBy: string;
  notBefore: number;
  expiresAt: number;
  /** When it is made anew by itself; null: only when somebody asks. */
  renewsAt: number | null;
}

/** Two thirds of a life: enough is left to notice and to act when a renewal fails. */
export const renewalAt = (notBefore: number, expiresAt: number): number => Math.floor(notBefore + ((expiresAt - notBefore) * 2) / 3);
