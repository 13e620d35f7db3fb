/** What a project's network service has, listed once for all of its clusters and believed for a while: drift costs calls by the project. */
import type { CloudNetwork, CloudSubnet } from '../domain/cloud.ts';
import type { Clock } from '../lib/clock.ts';
import type { FloatingIp } from '../openstack/floatingIp.ts';
import type { CloudPort } from '../openstack/port.ts';
import type { CloudRouter } from '../openstack/router.ts';
import type { SecurityGroup } from '../openstack/securityGroup.ts';
import type { Cloud } from '../openstack/session.ts';

export interface NetworkSight {
  /** When it was asked for: what is younger may not be in it. */
  at: number;
  securityGroups: ReadonlyMap<string, SecurityGroup>;
  routers: ReadonlyMap<string, CloudRouter>;
  /** Of servers, routers and whatever else has one. */
  ports: ReadonlyMap<string, CloudPort>;
  /** Listed when it is first asked for: most projects have none of ours. */
  floatingIps(): Promise<ReadonlyMap<string, FloatingIp>>;
  /** Likewise: customers bring networks. */
  networks(): Promise<NetworksSeen>;
}

export interface NetworksSeen {
  networks: ReadonlyMap<string, CloudNetwork>;
  subnets: ReadonlyMap<string, CloudSubnet>;
}

export interface NetworkSights {
  /** At most as old as the sights' own age; asked anew, by this credential, when it is older. */
  of(projectId: string, cloud: Cloud): Promise<NetworkSight>;
}

/** A plain router's interface, a distributed one's and a highly available one's. */
const INTERFACE_OWNERS = ['network:router_interface', 'network:router_interface_distributed', 'network:ha_router_replicated_interface'];

export const isRouterInterface = ({ deviceOwner }: CloudPort): boolean => INTERFACE_OWNERS.includes(deviceOwner);

/** `maxAgeMs`: how long a listing is believed, in milliseconds. */
export const createNetworkSights = ({ clock, maxAgeMs }: { clock: Clock; maxAgeMs: number }): NetworkSights => {
  const kept = new Map<string, Kept>();
  const look = (projectId: string, cloud: Cloud): Kept => {
    const made = keep(cloud, clock.now());
    kept.set(projectId, made);
    made.first.catch(() => {
      if (kept.get(projectId) === made) kept.delete(projectId);
    });
    return made;
  };
  return {
    of: async (projectId, cloud) => {
      const now = clock.now();
      for (const [id, { at }] of kept) if (at + maxAgeMs <= now) kept.delete(id);
      const known = kept.get(projectId) ?? look(projectId, cloud);
      // One cluster's dead credential says nothing of what another may see: what it could not list is asked for by that of the other.
      const seen = known.by === cloud || (await known.first.catch(() => null)) !== null ? known : look(projectId, cloud);
      const { at, floatingIps, networks } = seen;
      return { at, ...(await seen.first), floatingIps: () => floatingIps(cloud), networks: () => networks(cloud) };
    },
  };
};

interface Kept {
  at: number;
  by: Cloud;
  first: Promise<Omit<NetworkSight, 'at' | 'floatingIps' | 'networks'>>;
  floatingIps(cloud: Cloud): Promise<ReadonlyMap<string, FloatingIp>>;
  networks(cloud: Cloud): Promise<NetworksSeen>;
}

const keep = (cloud: Cloud, at: number): Kept => ({
  at,
  by: cloud,
  first: listFirst(cloud),
  floatingIps: once(async ({ network }) => byId(await network.listFloatingIps())),
  networks: once(async ({ network }) => {
    const [networks, subnets] = await Promise.all([network.listNetworks(), network.listSubnets()]);
    return { networks: byId(networks), subnets: byId(subnets) };
  }),
});

const listFirst = async ({ network }: Cloud): Kept['first'] => {
  const [groups, routers, ports] = await Promise.all([network.listSecurityGroups(), network.listRouters(), network.listPorts()]);
  return { securityGroups: byId(groups), routers: byId(routers), ports: byId(ports) };
};

const byId = <T extends { id: string }>(things: readonly T[]): ReadonlyMap<string, T> => new Map(things.map((thing) => [thing.id, thing]));

/** One call for all who ask, by the first one's cloud; after a failure the next asks anew. */
const once = <T>(list: (cloud: Cloud) => Promise<T>): ((cloud: Cloud) => Promise<T>) => {
  let listed: Promise<T> | null = null;
  return (cloud) => {
    listed ??= list(cloud).catch((error: unknown) => {
      listed = null;
      throw error;
    });
    return listed;
  };
};
