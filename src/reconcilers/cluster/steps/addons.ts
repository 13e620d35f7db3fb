/** One step for each addon of the list: its objects are applied while it is wanted, and taken away when it is not any more. */
import type { Addon, Reader } from '../../../addons/addon.ts';
import { addons } from '../../../addons/index.ts';
import { type AddonName, addonInfo, addonStepName, isWanted } from '../../../domain/addons.ts';
import { NotFound } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { Kubernetes } from '../../../seeds/connection.ts';
import type { KubernetesObject } from '../../../seeds/kinds.ts';
import { hasHealth, healthOf } from '../../health.ts';
import type { ClusterScope } from '../scope.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

const made = new Map<AddonName, Step<ClusterScope>>();

const stepOf = (addon: Addon): Step<ClusterScope> => {
  return {
    name: addonStepName(addon.name),
    title: `Install ${addonInfo(addon.name).title}`,
    usuallyMs: 120_000,
    needs: [tenantBootstrap, ...(addon.needs ?? []).map(({ name }) => made.get(name)).filter((step) => step !== undefined)],
    wanted: ({ row }) => isWanted(addon.name, row.spec),
    ensure: async (scope) => {
      const objects = addon.objects(await scope.reachable());
      const written = await scope.applyToTenant(groupOf(addon), objects);
      return look(scope, objects, written);
    },
    remove: async (scope) => {
      // With its control plane a cluster loses all that is in it.
      if (scope.row.deleteRequestedAt !== null) return done();
      if (!(await scope.hasInTenant(groupOf(addon)))) return done();
      const kept = await addon.keptFor?.(readerOf((await scope.tenant()).kube));
      if (kept != null) return waiting(kept, 60_000, 'CUSTOMER');
      await scope.applyToTenant(groupOf(addon), []);
      return done();
    },
  };
};

/** Of a kind that is not there, there are none. */
const readerOf = (kube: Kubernetes): Reader => ({
  list: (query) =>
    kube.list(query).catch((error: unknown) => {
      if (error instanceof NotFound) return { items: [] };
      throw error;
    }),
});

/** The name of its objects in the inventory. */
const groupOf = ({ name }: Addon): string => name.charAt(0).toUpperCase() + name.slice(1);

/** `written`: just now, so that what was seen before is old. */
const look = async (scope: ClusterScope, objects: readonly KubernetesObject[], written: boolean): Promise<Outcome> => {
  const tenant = await scope.tenant();
  const nodes = await tenant.nodeCount();
  if (nodes.total === 0) return done('It starts with the first worker.');
  const messages: string[] = [];
  for (const object of objects.filter(hasHealth)) {
    const health = healthOf(object.metadata.name, await tenant.status(object, written), nodes.ready);
    if (!health.ok) return waiting(health.message, 10_000);
    if (health.message !== '') messages.push(`${health.message}.`);
  }
  return done(messages.join(' '));
};

for (const addon of addons) made.set(addon.name, stepOf(addon));

export const addonSteps: readonly Step<ClusterScope>[] = [...made.values()];
