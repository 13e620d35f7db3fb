/** The node's ports: the one in the cluster's network, by which it is known, and one in each further network of its group. */
import { clusterTag } from '../../../domain/cluster.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { isDualStack } from '../../../domain/template.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import type { CloudPort, PortSpec } from '../../../openstack/port.ts';
import { findInventory } from '../../../store/inventory.ts';
import { orLeft } from '../../cluster/deletionStage.ts';
import { descriptionOf, resourceName } from '../../names.ts';
import { ensureResource, findUnlessGone, presentId, removeResource } from '../../resource.ts';
import type { NodeScope } from '../scope.ts';
import { LEFT_TO_SERVER, serverStands } from '../standing.ts';
import { lose } from '../trouble.ts';

export const port: Step<NodeScope> = {
  name: 'PortReady',
  title: 'Make the port',
  usuallyMs: 15_000,
  ensure: async (scope) => {
    const { cluster, group, row } = scope;
    const place = cluster.resolved;
    const key = {
      clusterId: cluster.id,
      ownerId: cluster.id,
      service: 'NETWORK',
      kind: 'security-group',
      name: resourceName(cluster),
    } as const;
    const groupId = await presentId(scope.db, key);
    const subnets = subnetsOf(scope);
    if (place === null || place.fixedNetworkId === null || subnets === null || groupId === undefined) {
      return waiting("the cluster's network", 2_000);
    }
    const securityGroupIds = [groupId, ...(group.resolved?.securityGroupIds ?? [])];
    const { fixedNetworkId: networkId } = place;
    const wanted: [name: string, place: Place][] = [
      [row.name, { networkId, subnetIds: [...subnets.v4, ...subnets.v6], securityGroupIds }],
      ...furtherNetworks(scope).map((further, i): [string, Place] => [
        furtherName(scope, i),
        {
          networkId: further.id,
          subnetIds: further.subnetIds ?? [],
          securityGroupIds: further.portSecurity ? (further.securityGroupIds ?? securityGroupIds) : null,
          ...(further.vnicType !== undefined && { vnicType: further.vnicType.toLowerCase().replaceAll('_', '-') }),
        },
      ]),
    ];
    // Until it has been a node there is nobody to take anything from.
    const { lost, unseen } = row.kubeletVersion === null ? AS_MADE : await look(scope, wanted, groupId);
    if (lost !== undefined) return lose(scope, 'PORT_LOST', `has lost its port ${lost}, which was deleted in the cloud`, LOST_LOOK_MS);
    const portIds: string[] = [];
    for (const [name, place] of wanted) portIds.push(await ensurePort(scope, name, place));
    const [portId = ''] = portIds;
    if (row.portId !== portId) {
      // A floating IP led to the one before it.
      const anew = row.portId === null ? {} : { floatingIp: null };
      const { fixedIps } = await scope.cloud().network.getPort(portId);
      // Neutron keeps no order, and an address of IPv6 may come unasked; the node is known by that in the first subnet.
      const addressIn = ([first]: string[]) => fixedIps.find(({ subnetId }) => subnetId === first)?.address ?? null;
      await scope.patch({ portId, address: addressIn(subnets.v4), addressV6: addressIn(subnets.v6), ...anew });
    }
    return done(unseen);
  },
  remove: (scope) =>
    orLeft(scope.cluster, async () => {
      if (await serverStands(scope)) return done(LEFT_TO_SERVER);
      for (const i of furtherNetworks(scope).keys()) await removePort(scope, furtherName(scope, i));
      await removePort(scope, scope.row.name);
      return done();
    }),
};

/** Sooner than another takes its place: what one answer called gone may be there by the next. */
const LOST_LOOK_MS = 10_000;

type Place = Pick<PortSpec, 'networkId' | 'subnetIds' | 'securityGroupIds' | 'vnicType'>;

interface Looked {
  lost?: string;
  unseen?: string;
}
const AS_MADE: Looked = {};

/** What a cloud that is away, or refuses, keeps from being seen or mended holds nobody up: what the cluster says of the node must be heard all the same. */
const look = async (...args: Parameters<typeof mend>): Promise<Looked> => {
  try {
    const lost = await mend(...args);
    return lost === undefined ? AS_MADE : { lost };
  } catch (error) {
    if (!(error instanceof SeedbedError)) throw error;
    return { unseen: `Could not be looked at: ${error.message}` };
  }
};

/** Puts back what is Seedbed's and was taken off a node's ports, and leaves all else. The name of one that is gone, if one is. */
const mend = async (scope: NodeScope, wanted: readonly [name: string, place: Place][], groupId: string): Promise<string | undefined> => {
  const { network: api } = scope.cloud();
  const tag = clusterTag(scope.cluster.id);
  // Who switched port security off meant the groups to go with it, and Neutron takes none without it.
  const lacks = ({ portSecurity, securityGroupIds: has }: CloudPort, { securityGroupIds }: Place): boolean =>
    portSecurity && securityGroupIds?.includes(groupId) === true && !has.includes(groupId);
  for (const [name, place] of wanted) {
    const noted = await findInventory(scope.db, portKey(scope, name));
    const id = noted?.state === 'PRESENT' ? noted.externalId : null;
    if (noted === undefined || id === null) continue;
    const { at, ports } = await scope.networkSight();
    const seen = ports.get(id);
    // A worker that has just been made has what it was made with.
    const isYoung = seen === undefined && noted.updatedAt >= at;
    if (isYoung || (seen?.tags.includes(tag) && !lacks(seen, place))) continue;
    const live = await findUnlessGone(api.getPort(id));
    if (live === undefined) return name;
    if (lacks(live, place)) await api.updatePort(id, { securityGroupIds: [groupId, ...live.securityGroupIds] });
    if (!live.tags.includes(tag)) await api.addTag('ports', id, tag);
  }
  return undefined;
};

/** Those that the group chose, or the cluster's, and beside them that of IPv6 if the cluster has it; null until they are there. */
const subnetsOf = ({ cluster, group }: NodeScope): { v4: string[]; v6: string[] } | null => {
  const { fixedSubnetId, fixedSubnetV6Id } = cluster.resolved ?? {};
  if (fixedSubnetId == null) return null;
  const chosen = (group.resolved?.subnets ?? []).map(({ id }) => id);
  const v4 = chosen.length > 0 ? chosen : [fixedSubnetId];
  if (!isDualStack(cluster.spec)) return { v4, v6: [] };
  return fixedSubnetV6Id === undefined ? null : { v4, v6: [fixedSubnetV6Id] };
};

/** Of those that are there, in the order of the group's networks. */
export const additionalPortIds = async (scope: NodeScope): Promise<string[]> => {
  const [, ...further] = portKeys(scope);
  const ids = await Promise.all(further.map((key) => presentId(scope.db, key)));
  return ids.filter((id) => id !== undefined);
};

/** Settled before the group has nodes, and for its life. */
const furtherNetworks = ({ group }: NodeScope) => group.resolved?.networks ?? [];

/** No node's own: those end in five letters or digits. */
const furtherName = ({ row }: NodeScope, index: number): string => `${row.name}-${index + 1}`;

const ensurePort = (scope: NodeScope, name: string, place: Place): Promise<string> => {
  const { network: api } = scope.cloud();
  const names = { name, description: descriptionOf(scope.cluster) };
  return ensureResource(scope, {
    key: portKey(scope, name),
    find: async () => (await api.listPorts(names))[0],
    create: () => api.createPort({ ...names, ...place, allowedAddressPairs: [] }),
    complete: (id) => api.addTag('ports', id, clusterTag(scope.cluster.id)),
  });
};

const removePort = async (scope: NodeScope, name: string): Promise<void> => {
  const names = { name, description: descriptionOf(scope.cluster) };
  await removeResource(scope, {
    key: portKey(scope, name),
    find: async () => (await scope.cloud().network.listPorts(names))[0],
    remove: async (id) => {
      await scope.cloud().network.deletePort(id);
      return true;
    },
  });
};

/** In the inventory, the one in the cluster's network first. */
export const portKeys = (scope: NodeScope) =>
  [scope.row.name, ...furtherNetworks(scope).map((_, i) => furtherName(scope, i))].map((name) => portKey(scope, name));

const portKey = (scope: NodeScope, name: string) => scope.key('NETWORK', 'port', name);
