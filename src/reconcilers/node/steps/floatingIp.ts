/** A floating IP for the node, when its group asks for one. */
import { clusterTag } from '../../../domain/cluster.ts';
import { UserError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { enqueue } from '../../../store/workItems.ts';
import { orLeft } from '../../cluster/deletionStage.ts';
import { floatingIpDescription, resourceName } from '../../names.ts';
import { ensureResource, findUnlessGone, presentId, removeResource } from '../../resource.ts';
import type { NodeScope } from '../scope.ts';
import { port } from './port.ts';

export const floatingIp: Step<NodeScope> = {
  name: 'FloatingIpReady',
  title: 'Give the node a floating IP',
  usuallyMs: 15_000,
  needs: [port],
  wanted: (scope) => scope.group.spec.floatingIpEnabled,
  ensure: async (scope) => {
    const { cluster, row } = scope;
    const externalNetworkId = cluster.resolved?.externalNetworkId ?? null;
    if (externalNetworkId === null) {
      throw new UserError('INVALID_INPUT', 'Floating IPs need an external network; name one in the template.', {
        field: ['externalNetwork'],
      });
    }
    const portId = row.portId;
    if (portId === null) return waiting('the port', 1_000);
    if (row.floatingIp === null && !(await leadsOutside(scope))) return waiting("the router of the cluster's network", 2_000);
    const { network: api } = scope.cloud();
    let elsewhere = false;
    // A worker that is READY is looked at every ten minutes or so; until then its floating IP is a moment old, if its address is known.
    const id = await ensureResource(
      { ...scope, look: row.state === 'READY' || row.floatingIp === null ? 'full' : 'trust' },
      {
        key: floatingIpKey(scope),
        uses: { projectId: cluster.projectId, use: { kind: 'ADDRESS', amount: 1 } },
        isThere: async (made) => {
          const seen = (await (await scope.networkSight()).floatingIps()).get(made);
          const tag = clusterTag(cluster.id);
          if (seen?.portId === portId && seen.tags.includes(tag)) return true;
          const live = await findUnlessGone(api.getFloatingIp(made));
          // Before there is another: an address that is not true any more must not outlive a crash.
          if (live === undefined) await scope.patch({ floatingIp: null });
          if (live?.portId === null) await api.updateFloatingIp(made, { portId, fixedAddress: row.address });
          if (live?.tags.includes(tag) === false) await api.addTag('floatingips', made, tag);
          // Who gave it to another port had something in mind.
          elsewhere = live !== undefined && live.portId !== null && live.portId !== portId;
          return live !== undefined;
        },
        find: async () => (await api.listFloatingIps({ description: describe(scope) }))[0],
        create: () => api.createFloatingIp({ externalNetworkId, portId, fixedAddress: row.address, description: describe(scope) }),
        complete: (made) => api.addTag('floatingips', made, clusterTag(cluster.id)),
      },
    );
    if (row.floatingIp === null) {
      await scope.patch({ floatingIp: (await api.getFloatingIp(id)).address });
      // An API that is not open to all lets it in by name.
      if (cluster.spec.controlPlane.allowedCidrs.length > 0)
        await scope.write((tx) => enqueue(tx, 'CLUSTER', cluster.id, scope.clock.now()));
    }
    return done(elsewhere ? `Floating IP ${row.floatingIp} was given to another port in the cloud, and is left there.` : undefined);
  },
  remove: (scope) => orLeft(scope.cluster, () => removeOwn(scope)),
};

const removeOwn = async (scope: NodeScope): Promise<Outcome> => {
  await removeResource(scope, {
    key: floatingIpKey(scope),
    find: async () => (await scope.cloud().network.listFloatingIps({ description: describe(scope) }))[0],
    remove: async (id) => {
      await scope.cloud().network.deleteFloatingIp(id);
      return true;
    },
  });
  return done();
};

/** A subnet without its router gets no floating IP, and Neutron calls that "not found": as if somebody had to act. */
const leadsOutside = async ({ db, cluster }: NodeScope): Promise<boolean> => {
  if (cluster.resolved?.ownNetwork !== true) return true;
  const of = { clusterId: cluster.id, ownerId: cluster.id } as const;
  const key = { ...of, service: 'NETWORK', kind: 'router-interface', name: resourceName(cluster) } as const;
  return (await presentId(db, key)) !== undefined;
};

const describe = ({ row }: NodeScope) => floatingIpDescription(row.name, row.id);

const floatingIpKey = (scope: NodeScope) => scope.key('NETWORK', 'floating-ip', scope.row.name);
