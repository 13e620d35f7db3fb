/** By which ids a request is found again: in Seedbed's answers and logs, and in those of the services that are called for it. */
import type { IncomingMessage } from 'node:http';
import { openstackRequestId } from '../lib/ids.ts';

export interface RequestIds {
  /** X-Request-Id: the caller's own when it has a harmless form, so that traces can be joined. */
  requestId: string;
  /** X-Openstack-Request-Id of the answer: always of Seedbed's own making. */
  answered: string;
  /** What OpenStack's services are told: the caller's own when it has their form, and else `answered`. */
  passedOn: string;
}

const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** What oslo.middleware takes as the id of a request that came through another service; it drops any other. */
const OPENSTACK_REQUEST_ID = /^req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const requestIdsOf = ({ headers }: IncomingMessage, newId: () => string): RequestIds => {
  const id = newId();
  const answered = openstackRequestId(id);
  return {
    requestId: given(headers['x-request-id'], REQUEST_ID) ?? id,
    answered,
    passedOn: given(headers['x-openstack-request-id'], OPENSTACK_REQUEST_ID) ?? answered,
  };
};

const given = (header: string | string[] | undefined, form: RegExp): string | undefined =>
  typeof header === 'string' && form.test(header) ? header : undefined;

/** The header lines of an answer that is written by hand. */
export const idLinesOf = ({ requestId, answered }: RequestIds): string[] => [
  `X-Request-Id: ${requestId}`,
  `X-Openstack-Request-Id: ${answered}`,
];

/** Of one operation on a socket; OpenStack is told the socket's, for nothing longer is taken there. */
export const idsWithin = ({ requestId, ...rest }: RequestIds, operationId: string): RequestIds => ({
  ...rest,
  requestId: `${requestId}.${operationId.slice(0, 40)}`,
});
