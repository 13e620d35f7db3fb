/** Where orphans are looked for: the project of the token of who asks, and those that living clusters let Seedbed act in. */
import { CALLER_TOKEN, hasRight } from '../../domain/cloudCredential.ts';
import { SeedbedError, Unavailable, UserError } from '../../domain/errors.ts';
import type { Cloud } from '../../openstack/session.ts';
import { listLiveClusters } from '../../store/orphans.ts';
import type { World } from '../world.ts';

/** The project of the caller's token; null: that has ended, or is of none. */
const callersProject = async (world: World, operationId: string): Promise<{ cloud: Cloud; projectId: string } | null> => {
  const token = await world.secrets.find(world.store.db, operationId, CALLER_TOKEN);
  if (token === undefined) return null;
  const cloud = world.clouds.forToken(token);
  try {
    const projectId = await cloud.projectId();
    return projectId === '' ? null : { cloud, projectId };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
};

export const listProjects = async (world: World, operationId: string): Promise<string[]> => {
  const callers = await callersProject(world, operationId);
  const live = (await listLiveClusters(world.store.db)).filter(hasRight);
  return [...new Set([...(callers === null ? [] : [callers.projectId]), ...live.map(({ projectId }) => projectId)])];
};

/** @throws UserError CLOUD_CREDENTIAL when nothing lets Seedbed in. */
export const cloudOf = async (world: World, operationId: string, projectId: string): Promise<Cloud> => {
  const callers = await callersProject(world, operationId);
  if (callers?.projectId === projectId) return callers.cloud;
  for (const row of (await listLiveClusters(world.store.db, projectId)).filter(hasRight)) {
    try {
      const cloud = world.clouds.forCluster(row);
      if ((await cloud.projectId()) === projectId) return cloud;
    } catch (error) {
      // Another cluster's may hold.
      if (!(error instanceof SeedbedError) || error instanceof Unavailable) throw error;
    }
  }
  throw new UserError(
    'CLOUD_CREDENTIAL',
    `Nothing lets Seedbed act in project ${projectId} now; retry the operation with a token of that project.`,
    {
      whoMustAct: 'CLOUD_ADMIN',
    },
  );
};
