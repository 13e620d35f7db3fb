/** How a group of objects in the cluster does. */
import type { KubernetesObject } from '../../seeds/kinds.ts';
import { type Health, hasHealth, healthOf } from '../health.ts';
import type { ClusterScope } from './scope.ts';

/** The first that does not do well; or all that there is to say of those that do. `written`: just now, so that what was seen before is old. */
export const lookAtHealth = async (scope: ClusterScope, objects: readonly KubernetesObject[], written: boolean): Promise<Health> => {
  const tenant = await scope.tenant();
  const nodes = await tenant.nodeCount();
  if (nodes.total === 0) return { ok: true, message: 'It starts with the first worker.' };
  const messages: string[] = [];
  for (const object of objects.filter(hasHealth)) {
    const health = healthOf(object.metadata.name, await tenant.status(object, written), nodes.ready);
    if (!health.ok) return health;
    if (health.message !== '') messages.push(`${health.message}.`);
  }
  return { ok: true, message: messages.join(' ') };
};
