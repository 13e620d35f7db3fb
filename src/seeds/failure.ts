/** Turns what a Kubernetes API (or the way to it) answered into our errors, in one place, without repeating anything secret. */
import type { V1Status } from '@kubernetes/client-node';
import { Conflict, NotFound, SeedbedError, Unavailable, UserError } from '../domain/errors.ts';
import { AddressRefused } from './address.ts';

/** Whose API it is: a seed is the cloud administrator's affair, a cluster its customer's. */
export type Subject = 'seed' | 'cluster';

/** What was tried, for the sentence: verb as in a role's rules, resource in the plural. */
export interface Attempt {
  subject: Subject;
  verb: string;
  resource: string;
  /** The object's content must not appear in a message. */
  secret: boolean;
}

const MAX_TEXT = 400;

/** 410: the page or the version that was asked for is too old to go on from; a new full reading helps. */
export class VersionGone extends Unavailable {}

const unavailableCode = ({ subject }: Attempt): 'SEED_UNAVAILABLE' | 'CLUSTER_UNAVAILABLE' =>
  subject === 'seed' ? 'SEED_UNAVAILABLE' : 'CLUSTER_UNAVAILABLE';

const unavailable = (attempt: Attempt, message: string, detail: ConstructorParameters<typeof Unavailable>[2] = {}): Unavailable =>
  new Unavailable(unavailableCode(attempt), message, detail);

const refusal = (attempt: Attempt, message: string): SeedbedError =>
  attempt.subject === 'seed'
    ? new UserError('SEED_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' })
    : new UserError('CLUSTER_UNAVAILABLE', message, { whoMustAct: 'CUSTOMER' });

/** The error for an answer with a status of 300 or more. `retryAfter` is the header's text, in seconds. */
export const failureOfStatus = (attempt: Attempt, status: number, body: string, retryAfter: string | undefined): SeedbedError => {
  const what = `${attempt.verb} ${attempt.resource}`;
  const api = statusOf(body);
  const said = saying(attempt, api);
  const act = { whoMustAct: attempt.subject === 'seed' ? 'CLOUD_ADMIN' : 'CUSTOMER' } as const;
  if (status < 400)
    return refusal(attempt, `The ${attempt.subject}'s API answered with a redirect, which is never followed; give the API's own address.`);
  if (api?.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating')) {
    return unavailable(attempt, `The namespace in the ${attempt.subject} is still being deleted; waiting until it is gone.`);
  }
  if (status === 401) return denied(attempt, `The ${attempt.subject}'s API does not accept the credential (on ${what}); give a new one.`);
  if (status === 403)
    return denied(
      attempt,
      `The ${attempt.subject}'s API refuses to ${what}${said}. If a right is missing, add it to the role of the credential.`,
    );
  if (status === 404) {
    const place =
      attempt.verb === 'patch' || attempt.verb === 'create' ? `The namespace (or the kind) to ${what} in` : `What to ${what} in`;
    return new NotFound(`${place} the ${attempt.subject}`, act);
  }
  if (status === 409) return new Conflict('CONFLICT', `The ${attempt.subject}'s API reports a conflict on ${what}${said}.`, act);
  if (status === 410)
    return new VersionGone(
      unavailableCode(attempt),
      `The ${attempt.subject}'s API no longer has that version of ${attempt.resource}; reading anew.`,
    );
  if (status === 429 || status >= 500) {
    const seconds = Number(retryAfter);
    const wait =
      retryAfter !== undefined && Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: Math.min(seconds, 300) * 1000 } : {};
    return unavailable(attempt, `The ${attempt.subject}'s API cannot ${what} now (status ${status})${said}.`, wait);
  }
  return refusal(attempt, `The ${attempt.subject}'s API did not take ${what} (status ${status})${said}.`);
};

/** The error for a call that got no answer. Errors of ours pass through. */
export const failureOfTransport = (attempt: Attempt, error: unknown): SeedbedError => {
  if (error instanceof SeedbedError) return error;
  if (error instanceof AddressRefused) {
    return refusal(
      attempt,
      `The ${attempt.subject}'s server leads to a ${error.why} address, where connections are not allowed; give the address of its API.`,
    );
  }
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (TRUST.test(code)) {
    const message = `The certificate of the ${attempt.subject}'s API is not trusted (${code}): it must be valid now, be for the server's name, and come from the CA that was given.`;
    return unavailable(attempt, message, { whoMustAct: 'CLOUD_ADMIN', cause: error });
  }
  if (/^(ERR_SSL_|EPROTO)/.test(code)) {
    return unavailable(
      attempt,
      `The ${attempt.subject}'s API broke off the TLS handshake (${code}); it may not speak TLS or not accept our certificate.`,
      { cause: error },
    );
  }
  const reason = REASONS[code] ?? (/^[A-Z0-9_]{2,40}$/.test(code) ? `the connection failed (${code})` : 'the connection failed');
  return unavailable(attempt, `The ${attempt.subject}'s API could not be reached to ${attempt.verb} ${attempt.resource}: ${reason}.`, {
    cause: error,
  });
};

/** OpenSSL's verification results as Node names them (documentation of tls, "X509 certificate error codes"), and Node's own name check. */
const TRUST = /^(UNABLE_TO_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|PATH_LENGTH_|ERR_TLS_CERT_)/;

const REASONS: Record<string, string> = {
  ETIMEDOUT: 'no answer in time',
  ECONNREFUSED: 'nothing listens at its address',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name cannot be resolved now',
  EHOSTUNREACH: 'there is no way to its address',
  ENETUNREACH: 'there is no way to its address',
};

/** During its start an API server denies what it will soon allow (its own roles are not there yet), so for a cluster it is no verdict. */
const denied = (attempt: Attempt, message: string): SeedbedError =>
  attempt.subject === 'seed' ? refusal(attempt, message) : unavailable(attempt, message, { whoMustAct: 'CUSTOMER' });

/** The API's own words, cut; for secrets only the names of the fields, since validation repeats the values. */
const saying = (attempt: Attempt, api: V1Status | undefined): string => {
  if (!api) return '';
  if (attempt.secret) {
    const fields = (api.details?.causes ?? [])
      .map((cause) => cause.field)
      .filter((field) => field !== undefined && /^[\w.[\]-]{1,80}$/.test(field));
    return fields.length > 0 ? ` (fields ${fields.slice(0, 5).join(', ')})` : '';
  }
  const text = (api.message ?? '').replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return text === '' ? '' : `: ${text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text.replace(/\.$/, '')}`;
};

const statusOf = (body: string): V1Status | undefined => {
  try {
    const value: unknown = JSON.parse(body);
    return value !== null && typeof value === 'object' && 'kind' in value && value.kind === 'Status' ? (value as V1Status) : undefined;
  } catch {
    return undefined;
  }
};
