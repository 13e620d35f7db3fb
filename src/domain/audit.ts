/** What the API server writes down of who did what, and where it goes. */

/** NONE; METADATA: who, what, when and the answer's status; REQUEST: also what was sent, but for secrets and tokens. */
export type AuditLevel = 'NONE' | 'METADATA' | 'REQUEST';

export interface AuditWebhook {
  /** https://… */
  url: string;
  /** PEM of the authority that signs its certificate; null: those that everybody trusts. */
  caCertificate: string | null;
}

export interface AuditSpec {
  level: AuditLevel;
  /** Beside the API server's own log, where the seed's log collector finds it. */
  stdout: boolean;
  webhook: AuditWebhook | null;
}

export const DEFAULT_AUDIT: AuditSpec = { level: 'METADATA', stdout: true, webhook: null };
