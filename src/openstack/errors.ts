/** The one place where a cloud's failures become the program's errors, with the service's own words and request id. */
import { Conflict, NotFound, type OpenStackOrigin, type SeedbedError, Unavailable, UserError } from '../domain/errors.ts';
import { type Fault, faultOf, quotasOf } from './fault.ts';
import type { Reply } from './http.ts';

/** What was asked, for the error's sentence: no query, no body, nothing secret. */
export interface Asked {
  service: string;
  method: string;
  path: string;
}

/** The error for an answer that is not a success. See the switch for what becomes of each status. */
export const failureOf = (asked: Asked, reply: Reply): SeedbedError => {
  const openstack: OpenStackOrigin = { service: asked.service, status: reply.status, requestId: reply.requestId };
  const fault = faultOf(reply.body, reply.text);
  const over = quotaFailure(asked, reply.status, fault, openstack);
  if (over !== null) return over;
  const { service } = asked;
  switch (reply.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      return redirected(service, openstack);
    case 401:
      return new Unavailable('CLOUD_CREDENTIAL', said(`The ${service} service did not accept the login`, fault), {
        openstack,
        whoMustAct: 'CLOUD_ADMIN',
      });
    case 403:
      return new UserError('CLOUD_REFUSED', said(`The ${service} service does not allow this`, fault), { openstack });
    case 404:
      return new NotFound(objectOf(asked, fault), { openstack });
    case 409:
      if (NO_ADDRESS.has(fault.type ?? '')) return noAddress(asked, fault, openstack);
      return EXHAUSTED.has(fault.type ?? '')
        ? new UserError('CLOUD_REFUSED', said(`The ${service} service has none left`, fault), { openstack })
        : new Conflict('CONFLICT', said(`The ${service} service reports a conflict`, fault), { openstack });
    case 413:
      // Without Retry-After it is not the old form of "too many requests" but a body that is too large.
      if (reply.retryAfterMs === null)
        return new UserError('CLOUD_REFUSED', said(`The ${service} service refused the request`, fault), { openstack });
      return unavailable(`The ${service} service asks for fewer calls`, fault, openstack, reply.retryAfterMs);
    case 408:
    case 429:
      return unavailable(`The ${service} service asks for fewer calls`, fault, openstack, reply.retryAfterMs);
    default:
      if (reply.status === 501 || reply.status === 505 || (reply.status >= 400 && reply.status < 500))
        return new UserError('CLOUD_REFUSED', said(`The ${service} service refused the request`, fault), { openstack });
      return unavailable(`The ${service} service failed with status ${reply.status}`, fault, openstack, reply.retryAfterMs);
  }
};

/** No answer: refused, reset, timed out, or a certificate that does not hold. The cause is named by its code only. */
export const connectionFailure = (service: string, error: unknown): Unavailable => {
  const code = codeOf(error);
  const openstack: OpenStackOrigin = { service, status: 0, requestId: null };
  if (/CERT|SELF_SIGNED|SIGNATURE|ISSUER|ALTNAME/.test(code)) {
    const message = `The ${service} service's TLS certificate is not trusted (${code}). The cloud's CA bundle belongs into SEEDBED_CLOUD_CA_FILE.`;
    return new Unavailable('CLOUD_UNAVAILABLE', message, { openstack, whoMustAct: 'CLOUD_ADMIN' });
  }
  const what = code === 'TIMEOUT' ? 'did not answer in time' : `could not be reached (${code})`;
  return new Unavailable('CLOUD_UNAVAILABLE', `The ${service} service ${what}.`, { openstack });
};

/** A success that cannot be understood: cut off, or of another shape than the service's reference promises. */
export const unreadable = (asked: Asked, reply: Reply, where: string): Unavailable =>
  new Unavailable('CLOUD_UNAVAILABLE', `The ${asked.service} service's answer could not be read (${where}).`, {
    openstack: { service: asked.service, status: reply.status, requestId: reply.requestId },
  });

/** Keystone refused the login itself: somebody must renew the credential. */
export const loginRefused = (what: string, reply: Reply, whoMustAct: 'CUSTOMER' | 'CLOUD_ADMIN'): UserError =>
  new UserError('CLOUD_CREDENTIAL', said(`Keystone refused ${what}`, faultOf(reply.body, reply.text)), {
    openstack: { service: 'identity', status: reply.status, requestId: reply.requestId },
    whoMustAct,
  });

/** A token goes where the operator and the catalogue say, and nowhere that an answer names. Where that is is not repeated: it may be a signed URL. */
const redirected = (service: string, openstack: OpenStackOrigin): Unavailable => {
  const where = service === 'identity' ? 'SEEDBED_KEYSTONE_URL' : "its endpoint in Keystone's catalogue";
  const message = `The ${service} service answered with a redirect (status ${openstack.status}), which is never followed: ${where} must be its own address.`;
  return new Unavailable('CLOUD_UNAVAILABLE', message, { openstack, whoMustAct: 'CLOUD_ADMIN' });
};

/** The value, or undefined when the thing is not there. */
export const orUndefined = async <T>(value: Promise<T>): Promise<T | undefined> => {
  try {
    return await value;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
};

/** Neutron's 409s that no second try cures: a range of addresses is used up, or one of networks. */
const NO_ADDRESS = new Set(['IpAddressGenerationFailure', 'ExternalIpAddressExhausted']);
const EXHAUSTED = new Set(['NoNetworkAvailable', 'SubnetAllocationError']);

/** Neutron says the same of a network of the project's and of the external one, which only an administrator can make larger. */
const noAddress = ({ path }: Asked, fault: Fault, openstack: OpenStackOrigin): UserError => {
  const external = /^\/(floatingips|routers)\b/.test(path) || fault.type === 'ExternalIpAddressExhausted';
  const [what, remedy] = external
    ? ['The external network', "Release floating IPs that nobody needs, or ask the cloud's administrator for more addresses."]
    : ['The network', 'Delete ports that nobody needs, or add an allocation pool to its subnet; it is tried again by itself.'];
  return new UserError('ADDRESSES_EXHAUSTED', `${said(`${what} has no address left`, fault)} ${remedy}`, {
    openstack,
    whoMustAct: external ? 'CLOUD_ADMIN' : 'CUSTOMER',
  });
};

/** Nova and Octavia answer 403, Neutron 409 with the type OverQuota, Cinder and Glance 413. */
const quotaFailure = (asked: Asked, status: number, fault: Fault, openstack: OpenStackOrigin): UserError | null => {
  if (status !== 403 && status !== 409 && status !== 413) return null;
  const figures = quotasOf(fault.text);
  if (figures.length === 0 && fault.type === 'OverQuota')
    figures.push({ source: 'OPENSTACK', resource: 'unknown', used: null, limit: null, requested: null });
  if (figures.length === 0 || (status === 409 && fault.type !== 'OverQuota' && asked.service === 'network')) return null;
  const message = `${said(`The project's ${asked.service} quota is exceeded`, fault)} Free some, or ask the cloud's administrator for more.`;
  return new UserError('QUOTA_EXCEEDED', message, { openstack, quotas: figures, whoMustAct: 'CUSTOMER' });
};

const unavailable = (what: string, fault: Fault, openstack: OpenStackOrigin, retryAfterMs: number | null): Unavailable =>
  new Unavailable('CLOUD_UNAVAILABLE', said(what, fault), { openstack, ...(retryAfterMs === null ? {} : { retryAfterMs }) });

const said = (what: string, fault: Fault): string => (fault.text === '' ? `${what}.` : `${what}: ${fault.text.replace(/[.\s]+$/, '')}.`);

/** 'compute servers/4711' from GET /servers/4711; what a POST misses is something that it names. */
const objectOf = ({ service, method, path }: Asked, fault: Fault): string => {
  const what = method === 'POST' ? `Something that this request to the ${service} service names` : `${service} ${path.replace(/^\//, '')}`;
  return fault.text === '' ? what : `${what} ("${fault.text}")`;
};

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'no answer';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'TIMEOUT';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : codeIn(error.cause);
  return /TIMEOUT|ETIMEDOUT/.test(code) ? 'TIMEOUT' : code;
};

const codeIn = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'no answer';
