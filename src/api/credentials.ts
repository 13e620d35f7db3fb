/** Who a request speaks for: its token, what the token's access rules allow, and the token of a service that passes it on. */
import { isWithinReach } from '../domain/accessRule.ts';
import type { Actor } from '../domain/actor.ts';
import type { AskedBy } from './askedBy.ts';
import type { Authenticate } from './auth.ts';
import { Refusal } from './guards.ts';
import type { RequestIds } from './requestIds.ts';

export interface Caller {
  actor: Actor;
  token: string;
}

export interface Credentials {
  token: string;
  /** Of a service that calls for whom the token is; null: none was sent. */
  serviceToken: string | null;
}

export const pathOf = (request: AskedBy): string => request.url?.split('?')[0] ?? '';

/** Whether access rules of a token let a request be made, by somebody himself or by a service for him. */
export type Judge = (actor: Actor, isByService: boolean) => boolean;

/** A judge of this request: of the address that it came to, which may be written anew for Yoga. A service keeps the rules itself. */
export const judgeOf = (request: AskedBy): Judge => {
  const { method = '' } = request;
  const path = pathOf(request);
  return ({ reach, isRulesKept }, isByService) => (isByService ? isRulesKept : isWithinReach(reach, method, path));
};

export const isService = ({ roles }: Actor, serviceTokenRoles: readonly string[]): boolean =>
  roles.some((role) => serviceTokenRoles.includes(role));

export const serviceTokenOf = (request: AskedBy): string | null => headerOf(request, 'x-service-token');

/**
 * As keystonemiddleware judges it where a service's role is required: a token in X-Service-Token must be good, and have the role. Then the
 * token in X-Auth-Token may have expired, for the service began with it in time, and its access rules are the service's to keep, for
 * nobody made this very call. They must be such as could be kept here all the same.
 * Throws Refusal 401; what `authenticate` throws when the identity service does not answer.
 */
export const readCaller = async (
  { authenticate, serviceTokenRoles }: { authenticate: Authenticate; serviceTokenRoles: readonly string[] },
  request: AskedBy,
  { passedOn: requestId }: RequestIds,
): Promise<Caller> => {
  const token = headerOf(request, 'x-auth-token');
  if (token === null) throw refused('This needs a valid Keystone token in the header X-Auth-Token.');
  const serviceToken = serviceTokenOf(request);
  if (serviceToken !== null) {
    const service = await authenticate(serviceToken, { requestId });
    if (service === null || !isService(service, serviceTokenRoles))
      throw refused(
        'The token in the header X-Service-Token is not valid, or has no role of a service; leave it out, or send one that has.',
      );
  }
  const isByService = serviceToken !== null;
  const actor = await authenticate(token, { requestId, allowExpired: isByService, connection: request.socket });
  if (actor === null) throw refused('This needs a valid Keystone token in the header X-Auth-Token.');
  if (!judgeOf(request)(actor, isByService))
    throw refused("The access rules of the token's application credential do not allow this call, or cannot be kept here.");
  return { actor, token };
};

const refused = (message: string) => new Refusal(401, 'UNAUTHENTICATED', message);

/** An empty header is none. */
const headerOf = ({ headers }: AskedBy, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
};
