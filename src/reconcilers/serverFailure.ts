/** A server that Nova could not build, run or delete, as the cloud's operators look for it. */
import { type OpenStackOrigin, SeedbedError } from '../domain/errors.ts';
import type { Server, Servers } from '../openstack/server.ts';

/** With the id of Nova's request, which is asked for only now; a Nova that does not tell it takes nothing from what is known. */
export const originOf = async (compute: Pick<Servers, 'failedRequest'>, { id, fault }: Server): Promise<OpenStackOrigin> => ({
  service: 'compute',
  status: fault?.code ?? 500,
  requestId: await compute.failedRequest(id, fault?.at ?? null).catch(orUnknown),
});

const orUnknown = (error: unknown): null => {
  if (error instanceof SeedbedError) return null;
  throw error;
};
