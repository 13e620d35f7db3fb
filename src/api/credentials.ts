/** Who a request speaks for: its token, what the token's access rules allow, and the token of a service that passes it on. */
import type { IncomingMessage } from 'node:http';
import { isWithinReach } from '../domain/accessRule.ts';
import type { Actor } from '../domain/actor.ts';
import type { Authenticate } from './auth.ts';
import { Refusal } from './guards.ts';
import type { RequestIds } from './requestIds.ts';

export interface Caller {
  actor: Actor;
  token: string;
}

export const pathOf = (request: IncomingMessage): string => request.url?.split('?')[0] ?? '';

/** A judge of whether access rules of tokens let this request be made: of the address that it came to, which may be written anew for Yoga. */
export const judgeOf = (request: IncomingMessage): ((actor: Actor) => boolean) => {
  const { method = '' } = request;
  const path = pathOf(request);
  return ({ reach }) => isWithinReach(reach, method, path);
};

/**
 * As keystonemiddleware judges it where a service's role is required: a token in X-Service-Token must be good, and have the role. Then the
 * token in X-Auth-Token may have expired, for the service began with it in time, and its access rules are the service's to keep, for
 * nobody made this very call. They must be such as could be kept here all the same.
 * Throws Refusal 401; what `authenticate` throws when the identity service does not answer.
 */
export const readCaller = async (
  { authenticate, serviceTokenRoles }: { authenticate: Authenticate; serviceTokenRoles: readonly string[] },
  request: IncomingMessage,
  { passedOn: requestId }: RequestIds,
): Promise<Caller> => {
  const token = headerOf(request, 'x-auth-token');
  if (token === null) throw refused('This needs a valid Keystone token in the header X-Auth-Token.');
  const serviceToken = headerOf(request, 'x-service-token');
  if (serviceToken !== null) {
    const service = await authenticate(serviceToken, { requestId });
    if (service === null || !service.roles.some((role) => serviceTokenRoles.includes(role)))
      throw refused(
        'The token in the header X-Service-Token is not valid, or has no role of a service; leave it out, or send one that has.',
      );
  }
  const isByService = serviceToken !== null;
  const actor = await authenticate(token, { requestId, allowExpired: isByService });
  if (actor === null) throw refused('This needs a valid Keystone token in the header X-Auth-Token.');
  if (isByService ? !actor.isRulesKept : !judgeOf(request)(actor))
    throw refused("The access rules of the token's application credential do not allow this call, or cannot be kept here.");
  return { actor, token };
};

const refused = (message: string) => new Refusal(401, 'UNAUTHENTICATED', message);

/** An empty header is none. */
const headerOf = ({ headers }: IncomingMessage, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
};
