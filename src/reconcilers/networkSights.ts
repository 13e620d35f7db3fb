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
  const kept = new Map<string, { at: number; sight: Promise<NetworkSight> }>();
  return {
    of: (projectId, cloud) => {
      const now = clock.now();
      for (const [id, { at }] of kept) if (at + maxAgeMs <= now) kept.delete(id);
      const known = kept.get(projectId);
      if (known !== undefined) return known.sight;
      const sight = look(cloud, now);
      kept.set(projectId, { at: now, sight });
      // One cluster's dead credential says nothing of what the next one may see.
      sight.catch(() => kept.delete(projectId));
      return sight;
    },
  };
};

const look = async ({ network }: Cloud, at: number): Promise<NetworkSight> => {
  const [groups, routers, ports] = await Promise.all([network.listSecurityGroups(), network.listRouters(), network.listPorts()]);
  return {
    at,
    securityGroups: byId(groups),
    routers: byId(routers),
    ports: byId(ports),
    floatingIps: once(async () => byId(await network.listFloatingIps())),
    networks: once(async () => {
      const [networks, subnets] = await Promise.all([network.listNetworks(), network.listSubnets()]);
      return { networks: byId(networks), subnets: byId(subnets) };
    }),
  };
};

const byId = <T extends { id: string }>(things: readonly T[]): ReadonlyMap<string, T> => new Map(things.map((thing) => [thing.id, thing]));

/** One call for all who ask; after a failure the next asks anew. */
const once = <T>(list: () => Promise<T>): (() => Promise<T>) => {
  let listed: Promise<T> | null = null;
  return () => {
    listed ??= list().catch((error: unknown) => {
      listed = null;
      throw error;
    });
    return listed;
  };
};
