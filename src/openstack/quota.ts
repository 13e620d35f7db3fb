/** A project's quotas over all services. */
import { NotFound, UserError } from '../domain/errors.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import type { Cloud } from './session.ts';

/** What a service does not let the project see is left out: its quotas show when they are met. */
export const listQuotas = async (cloud: Cloud): Promise<ResourceQuota[]> => {
  const projectId = await cloud.projectId();
  const parts = await Promise.all([
    cloud.compute.listQuotas().catch(orNothing),
    cloud.network.listQuotas(projectId).catch(orNothing),
    cloud.offers('volume').then((has) => (has ? cloud.volume.listQuotas(projectId).catch(orNothing) : [])),
    cloud.offers('load-balancer').then((has) => (has ? cloud.loadBalancer.listQuotas(projectId).catch(orNothing) : [])),
  ]);
  return parts.flat();
};

const orNothing = (error: unknown): ResourceQuota[] => {
  if (error instanceof UserError || error instanceof NotFound) return [];
  throw error;
};
