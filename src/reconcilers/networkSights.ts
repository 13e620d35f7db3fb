/** What a project's network service has, listed once for all of its clusters and believed for a while: drift costs calls by the project. */
import type { Clock } from '../lib/clock.ts';
import type { FloatingIp } from '../openstack/floatingIp.ts';
import type { CloudRouter } from '../openstack/router.ts';
import type { SecurityGroup } from '../openstack/securityGroup.ts';
import type { Cloud } from '../openstack/session.ts';

export interface NetworkSight {
  securityGroups: ReadonlyMap<string, SecurityGroup>;
  routers: ReadonlyMap<string, CloudRouter>;
  /** Ports of routers in their subnets. */
  interfaceIds: ReadonlySet<string>;
  /** Listed when it is first asked for: most projects have none of ours. */
  floatingIps(): Promise<ReadonlyMap<string, FloatingIp>>;
}

export interface NetworkSights {
  /** At most as old as the sights' own age; asked anew, by this credential, when it is older. */
  of(projectId: string, cloud: Cloud): Promise<NetworkSight>;
}

/** A plain router's interface, a distributed one's and a highly available one's. */
const INTERFACE_OWNERS = ['network:router_interface', 'network:router_interface_distributed', 'network:ha_router_replicated_interface'];

/** `maxAgeMs`: how long a listing is believed, in milliseconds. */
export const createNetworkSights = ({ clock, maxAgeMs }: { clock: Clock; maxAgeMs: number }): NetworkSights => {
  const kept = new Map<string, { at: number; sight: Promise<NetworkSight> }>();
  return {
    of: (projectId, cloud) => {
      const now = clock.now();
      for (const [id, { at }] of kept) if (at + maxAgeMs <= now) kept.delete(id);
      const known = kept.get(projectId);
      if (known !== undefined) return known.sight;
      const sight = look(cloud);
      kept.set(projectId, { at: now, sight });
      // One cluster's dead credential says nothing of what the next one may see.
      sight.catch(() => kept.delete(projectId));
      return sight;
    },
  };
};

const look = async ({ network }: Cloud): Promise<NetworkSight> => {
  const [groups, routers, ports] = await Promise.all([
    network.listSecurityGroups(),
    network.listRouters(),
    network.listPorts({ deviceOwner: INTERFACE_OWNERS }),
  ]);
  let floatingIps: Promise<ReadonlyMap<string, FloatingIp>> | null = null;
  const listFloatingIps = async () => new Map((await network.listFloatingIps()).map((ip) => [ip.id, ip]));
  return {
    securityGroups: new Map(groups.map((group) => [group.id, group])),
    routers: new Map(routers.map((router) => [router.id, router])),
    interfaceIds: new Set(ports.map(({ id }) => id)),
    floatingIps: () => {
      floatingIps ??= listFloatingIps().catch((error: unknown) => {
        floatingIps = null;
        throw error;
      });
      return floatingIps;
    },
  };
};
