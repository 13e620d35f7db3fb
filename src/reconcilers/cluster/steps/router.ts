/** The router between the cluster's own network and the outside. */
import { isIpv4 } from '../../../domain/cidr.ts';
import { Conflict, NotFound, Unavailable } from '../../../domain/errors.ts';
import { done, type Outcome, type Step } from '../../../engine/flow.ts';
import type { CloudRouter } from '../../../openstack/router.ts';
import { type InventoryKey, noteState, noteUnanswered } from '../../../store/inventory.ts';
import { enqueue } from '../../../store/workItems.ts';
import { descriptionOf, resourceName, tagOf } from '../../names.ts';
import { isRouterInterface } from '../../networkSights.ts';
import { ensureResource, findUnlessGone, presentId, removeResource } from '../../resource.ts';
import { addedTags, sayAdditions, sayInterface } from '../additions.ts';
import { untilDeadline } from '../deletionStage.ts';
import { type ClusterScope, wakeWaitingNodes } from '../scope.ts';
import { unlessForServers } from '../standingServers.ts';
import { network } from './network.ts';

export const router: Step<ClusterScope> = {
  name: 'RouterReady',
  title: 'Connect the network to the outside',
  usuallyMs: 15_000,
  needs: [network],
  ensure: async (scope) => {
    const { row } = scope;
    if (row.resolved === null || !row.resolved.ownNetwork || row.resolved.fixedSubnetId === null) return done();
    const { externalNetworkId } = row.resolved;
    const { network: api } = scope.cloud();
    const names = { name: resourceName(row), description: descriptionOf(row) };
    const routerId = await ensureResource(scope, {
      key: routerKey(scope),
      find: async () => (await api.listRouters(names))[0],
      create: () => api.createRouter({ ...names, externalNetworkId }),
      complete: (id) => api.addTag('routers', id, tagOf(row)),
      isThere: async (id) => {
        const { routers } = await scope.networkSight();
        await removeTwins(scope, id, routers.values());
        const seen = routers.get(id);
        if (seen !== undefined && !isSpoilt(scope, seen)) return true;
        const live = await findUnlessGone(api.getRouter(id));
        if (live !== undefined && isSpoilt(scope, live)) await mendRouter(scope, live);
        return live !== undefined;
      },
    });
    const interfaceIds: string[] = [];
    for (const { key, subnetId } of interfacesOf(scope)) {
      const before = await presentId(scope.db, key);
      const interfaceId = await ensureInterface(scope, key, routerId, subnetId);
      interfaceIds.push(interfaceId);
      if (interfaceId !== before) await wakeWaitingNodes(scope);
    }
    await noteGateway(scope, routerId);
    const added = await sayAdditions(scope, router.name, async () => {
      const { routers, ports, networks } = await scope.networkSight();
      const { subnets } = await networks();
      const isOurs = (subnetId: string) => subnets.get(subnetId)?.description === names.description;
      const interfaces = [...ports.values()].filter((port) => port.deviceId === routerId && isRouterInterface(port));
      const own = routers.get(routerId);
      return [
        ...interfaces
          .filter(({ id, fixedIps }) => !interfaceIds.includes(id) && !fixedIps.some((ip) => isOurs(ip.subnetId)))
          .map(sayInterface),
        ...(own === undefined ? [] : addedTags(scope, 'router', own)),
      ];
    });
    return done(added);
  },
  remove: (scope) => untilDeadline(scope, { stage: 'NETWORK', work: () => unlessForServers(scope, () => removeOwn(scope)) }),
};

/** One that leads to another outside than ours was given it by somebody who meant it. */
const isSpoilt = ({ row }: ClusterScope, { adminStateUp, externalNetworkId, tags }: CloudRouter): boolean =>
  !adminStateUp || !tags.includes(tagOf(row)) || (externalNetworkId === null && row.resolved?.externalNetworkId !== null);

const mendRouter = async (scope: ClusterScope, { id, adminStateUp, externalNetworkId, tags }: CloudRouter): Promise<void> => {
  const { network: api } = scope.cloud();
  const { resolved } = scope.row;
  const outside = externalNetworkId === null ? (resolved?.externalNetworkId ?? null) : null;
  if (outside !== null && resolved?.gatewayOf !== undefined) {
    // Its address outside is another one from then on, whether or not the answer comes.
    const { gatewayOf: _, ...rest } = resolved;
    await scope.patch({ resolved: rest });
  }
  if (!adminStateUp || outside !== null)
    await api.updateRouter(id, { ...(!adminStateUp && { adminStateUp: true }), ...(outside !== null && { externalNetworkId: outside }) });
  if (!tags.includes(tagOf(scope.row))) await api.addTag('routers', id, tagOf(scope.row));
};

/** One for each subnet: Neutron has a port of the router's for IPv4, and another for IPv6. */
const interfacesOf = ({ row, key }: ClusterScope): { key: InventoryKey; subnetId: string }[] => {
  const { fixedSubnetId = null, fixedSubnetV6Id } = row.resolved ?? {};
  const keyOf = (suffix?: string) => key('NETWORK', 'router-interface', resourceName(row, suffix));
  return [
    ...(fixedSubnetId === null ? [] : [{ key: keyOf(), subnetId: fixedSubnetId }]),
    ...(fixedSubnetV6Id === undefined ? [] : [{ key: keyOf('v6'), subnetId: fixedSubnetV6Id }]),
  ];
};

const ensureInterface = (scope: ClusterScope, key: InventoryKey, routerId: string, subnetId: string): Promise<string> => {
  const { network: api } = scope.cloud();
  const findInterface = async () => (await api.listPorts({ deviceId: routerId, subnetId }))[0];
  return ensureResource(scope, {
    key,
    find: findInterface,
    isThere: async (id) => (await scope.networkSight()).ports.get(id)?.deviceId === routerId || (await findInterface()) !== undefined,
    create: async () => {
      try {
        return { id: (await api.addRouterInterface(routerId, subnetId)).portId };
      } catch (error) {
        if (!(error instanceof NotFound) || (await findUnlessGone(api.getRouter(routerId))) !== undefined) throw error;
        await noteVanished(scope);
        // Nobody has to act: the next pass is soon.
        throw new Unavailable('CLOUD_UNAVAILABLE', `Router ${routerId} was taken away; another is made.`, {
          ...error.detail,
          cause: error,
        });
      }
    },
  });
};

const removeOwn = async (scope: ClusterScope): Promise<Outcome> => {
  const { row } = scope;
  if (row.resolved === null || !row.resolved.ownNetwork) return done();
  const { network: api } = scope.cloud();
  const routerId = await presentId(scope.db, routerKey(scope));
  const interfaces = interfacesOf(scope);
  let cleared: string | undefined;
  for (const { key, subnetId } of interfaces)
    await removeResource(scope, {
      twins: false,
      key,
      // The interface has no id of its own worth keeping: router and subnet name it.
      find: async () => (routerId === undefined ? undefined : { id: routerId }),
      remove: async () => {
        if (routerId !== undefined) await api.removeRouterInterface(routerId, subnetId);
        cleared = routerId;
        return true;
      },
    });
  await removeResource(scope, {
    key: routerKey(scope),
    find: async () => (await api.listRouters({ name: resourceName(row), description: descriptionOf(row) }))[0],
    remove: async (id) => {
      // A create that was cut off may have left the interface without our having noted it.
      if (id !== cleared) for (const { subnetId } of interfaces) await api.removeRouterInterface(id, subnetId);
      await api.deleteRouter(id);
      return true;
    },
  });
  return done();
};

const routerKey = (scope: ClusterScope) => scope.key('NETWORK', 'router', resourceName(scope.row));

/**
 * It was there by a listing that is a moment old, or by our own notes: the next pass makes another. But of a cluster that is being made Neutron may
 * have taken it back, and make another for the same request: that is looked for, and waited for, before one more is asked for.
 */
const noteVanished = (scope: ClusterScope): Promise<void> =>
  scope.write((tx) => {
    const now = scope.clock.now();
    if (scope.row.observedGeneration === 0) return noteUnanswered(tx, routerKey(scope), now);
    return noteState(tx, routerKey(scope), 'GONE', now);
  });

/**
 * Seen on a Neutron that took minutes: for one request it made a router, and a second one when that had long been found and used. It bears this
 * cluster's own name and description, leads nowhere, and counts against the project's quota.
 */
const removeTwins = async ({ row, cloud }: ClusterScope, id: string, routers: Iterable<CloudRouter>): Promise<void> => {
  for (const router of routers) {
    if (router.id === id || router.name !== resourceName(row) || router.description !== descriptionOf(row)) continue;
    try {
      await cloud().network.deleteRouter(router.id);
    } catch (error) {
      // In use by somebody: it stays until the cluster's end.
      if (!(error instanceof Conflict)) throw error;
    }
  }
};

/** The API has to let it in once it is not open to all: the step that says so runs before this one, so it is asked for again. */
const noteGateway = async (scope: ClusterScope, routerId: string): Promise<void> => {
  const { row, clock, look } = scope;
  if (row.resolved === null || row.spec.controlPlane.allowedCidrs.length === 0) return;
  const { gatewayOf, gatewayAddresses = [] } = row.resolved;
  const isNoted = (router: CloudRouter) => gatewayOf === routerId && isSameSet(addressesOutside(router), gatewayAddresses);
  // Somebody may have taken its way outside and put it back: with another address.
  const seen = look === 'full' ? (await scope.networkSight()).routers.get(routerId) : undefined;
  if (seen === undefined ? gatewayOf === routerId : isNoted(seen)) return;
  // What was seen may be older than what is noted.
  const live = await scope.cloud().network.getRouter(routerId);
  if (isNoted(live)) return;
  await scope.patch({ resolved: { ...row.resolved, gatewayAddresses: addressesOutside(live), gatewayOf: routerId } });
  await scope.write((tx) => enqueue(tx, 'CLUSTER', row.id, clock.now()));
};

const addressesOutside = ({ externalAddresses }: CloudRouter): string[] => externalAddresses.filter(isIpv4);

const isSameSet = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((address) => others.includes(address));
