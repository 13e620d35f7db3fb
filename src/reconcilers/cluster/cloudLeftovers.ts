/** What the cloud's controllers made in the project for a cluster that is to go: by their own names for it, for Seedbed has noted none of it. */
import { SeedbedError, Unavailable, UserError } from '../../domain/errors.ts';
import type { MadeBy } from '../../domain/inventory.ts';
import { done, type Outcome, waiting } from '../../engine/flow.ts';
import type { CloudLoadBalancer } from '../../openstack/loadBalancer.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { CloudSnapshot } from '../../openstack/volume.ts';
import { type KubernetesObject, refOf } from '../../seeds/kinds.ts';
import { type InventoryKey, listInventory, noteFound, noteState } from '../../store/inventory.ts';
import type { ClusterRow } from '../../store/reconcile.ts';
import { lentCloud } from '../lentCloud.ts';
import { deadlineMs, untilDeadline } from './deletionStage.ts';
import type { ClusterScope } from './scope.ts';

/** Stops the controller: nothing is made any more. */
type Stop = () => Promise<unknown>;

/** So long its controller may take for a Service's end; then its load balancer is removed without it. */
const GRACE_MS = 300_000;
export const CSI_DRIVER = 'cinder.csi.openstack.org';
/** The property by which the volume driver marks what it makes for a cluster. */
export const CSI_CLUSTER = `${CSI_DRIVER}/cluster`;
const PREFIX = 'kube_service_';

/** Names of load balancers that the cloud controller makes for a cluster's Services begin so. */
const serviceLoadBalancerPrefix = ({ shortId }: Pick<ClusterRow, 'shortId'>): string => `${PREFIX}${shortId}_`;

/** The controller does it best: it knows shared load balancers and floating IPs that are to be kept. What it leaves is removed after it. */
export const leaveLoadBalancers = async (scope: ClusterScope, stop: Stop): Promise<Outcome> => {
  if (scope.row.deletePolicy?.loadBalancers === 'KEEP') {
    // The Services are left alone: their controller would remove the load balancer of one that ends.
    await stop();
    return done('The load balancers of its Services are kept, as was asked.');
  }
  return untilDeadline(scope, { stage: 'LOAD_BALANCERS', work: () => removeLoadBalancers(scope, stop), leave: stop });
};

const removeLoadBalancers = async (scope: ClusterScope, stop: Stop): Promise<Outcome> => {
  const alone = isControllersTimeOver(scope);
  const services = alone ? await listServicesIfAny(scope) : await endServices(scope);
  const since = Math.min(...services.map(({ metadata }) => Date.parse(String(metadata.deletionTimestamp)) || scope.clock.now()));
  if (!alone && services.length > 0 && scope.clock.now() - since < GRACE_MS) {
    await noteGoing(scope, SERVICE_LOAD_BALANCERS, await listServiceLoadBalancers(lentCloud(scope.world, scope.row), scope.row));
    return waiting(`load balancers of ${services.length} Services to be removed by the cloud controller`, 2_000);
  }
  await stop();
  return sweepLoadBalancers(scope, services);
};

/** Of a deadline the other half is for the removal without it, whatever keeps the Services from their end. */
const isControllersTimeOver = ({ row, clock }: ClusterScope): boolean => {
  const deadline = deadlineMs(row);
  const since = row.deletionStages?.LOAD_BALANCERS?.since;
  return deadline !== null && since !== undefined && clock.now() - since >= deadline / 2;
};

/** None when the cluster's API does not tell. */
const listServicesIfAny = async (scope: ClusterScope): Promise<KubernetesObject[]> => {
  try {
    return await listBalanced(scope);
  } catch (error) {
    if (error instanceof SeedbedError) return [];
    throw error;
  }
};

interface Foreign extends Pick<InventoryKey, 'service' | 'kind'> {
  madeBy: MadeBy;
}

const SERVICE_LOAD_BALANCERS: Foreign = { service: 'LOAD_BALANCER', kind: 'load-balancer', madeBy: 'CLOUD_CONTROLLER' };
const CSI_VOLUMES: Foreign = { service: 'VOLUME', kind: 'volume', madeBy: 'CSI' };

/** Notes what a controller made and is being removed, and that it is gone once it is not found any more: for the report on the deletion. */
const noteGoing = async (scope: ClusterScope, of: Foreign, found: readonly { id: string; name: string }[]): Promise<void> => {
  const { clock, row } = scope;
  const notes = (await listInventory(scope.db, row.id)).filter((n) => n.kind === of.kind && n.madeBy === of.madeBy && n.state !== 'GONE');
  const fresh = found.filter(({ id }) => !notes.some((note) => note.externalId === id));
  const gone = notes.filter((note) => !found.some(({ id }) => note.externalId === id));
  if (fresh.length + gone.length === 0) return;
  await scope.write(async (tx) => {
    // Two volumes may have one name, so the note's is the id.
    for (const { id } of fresh) await noteFound(tx, scope.key(of.service, of.kind, id), id, of.madeBy, clock.now());
    for (const { name } of gone) await noteState(tx, scope.key(of.service, of.kind, name), 'GONE', clock.now());
  });
};

/** Services of type LoadBalancer. */
const listBalanced = async (scope: ClusterScope): Promise<KubernetesObject[]> => {
  const found = (await listInTenant(scope, 'Service')) ?? [];
  return found.filter(({ spec }) => (spec as { type?: string } | undefined)?.type === 'LoadBalancer');
};

/** Those that are there still. */
const endServices = async (scope: ClusterScope): Promise<KubernetesObject[]> => {
  const balanced = await listBalanced(scope);
  const open = balanced.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  await wishForFloatingIps(scope, balanced);
  if (open.length === 0) return balanced;
  const { kube } = await scope.tenant();
  for (const service of open) await kube.remove(refOf(service));
  return endServices(scope);
};

/** `services`: those whose end the controller has not seen to. */
const sweepLoadBalancers = async (scope: ClusterScope, services: readonly KubernetesObject[]): Promise<Outcome> => {
  const cloud = lentCloud(scope.world, scope.row);
  const ours = serviceLoadBalancerPrefix(scope.row);
  const found = await listServiceLoadBalancers(cloud, scope.row);
  const shared = found.find(({ tags }) => tags.some((tag) => tag.startsWith(PREFIX) && !tag.startsWith(ours)));
  if (shared !== undefined)
    return waiting(`load balancer ${shared.id} not to be used by another cluster's Services any more`, 60_000, 'CUSTOMER');
  await noteGoing(scope, SERVICE_LOAD_BALANCERS, found);
  const wish = scope.row.deletePolicy?.floatingIps ?? null;
  const keeping = services.filter(({ metadata }) => metadata.annotations?.[KEEP_FLOATING_IP] === 'true').map(({ metadata }) => metadata);
  const staysFor = ({ description }: { description: string }): boolean =>
    wish === null ? keeping.some(({ namespace, name }) => description.includes(` ${namespace}/${name} from `)) : wish === 'KEEP';
  for (const { id, provisioningStatus, vipPortId } of found) {
    if (provisioningStatus.startsWith('PENDING')) continue;
    for (const ip of vipPortId === null ? [] : await cloud.network.listFloatingIps({ portId: vipPortId }))
      if (isServiceFloatingIp(ip, scope.row) && !staysFor(ip)) await cloud.network.deleteFloatingIp(ip.id);
    await cloud.loadBalancer.deleteLoadBalancer(id);
  }
  if (found.length > 0) return waiting(`load balancers to go: ${listed(found.map(({ id }) => id))}`, 2_000);
  for (const group of await cloud.network.listSecurityGroups())
    if (isServiceSecurityGroup(group, scope.row)) await cloud.network.deleteSecurityGroup(group.id);
  return done();
};

/** The controller reads it when it removes a Service's load balancer, which may be under way. */
const wishForFloatingIps = async (scope: ClusterScope, services: readonly KubernetesObject[]): Promise<void> => {
  const wish = scope.row.deletePolicy?.floatingIps ?? null;
  if (wish === null) return;
  const said = String(wish === 'KEEP');
  for (const service of services) {
    if (service.metadata.annotations?.[KEEP_FLOATING_IP] === said) continue;
    const { apiVersion, kind, ...place } = refOf(service);
    const { kube } = await scope.tenant();
    await kube.apply({ apiVersion, kind, metadata: { ...place, annotations: { [KEEP_FLOATING_IP]: said } } });
  }
};

const KEEP_FLOATING_IP = 'loadbalancer.openstack.org/keep-floatingip';

/** By the description that the cloud controller gives it. */
export const isServiceFloatingIp = ({ description }: { description: string }, { shortId }: Pick<ClusterRow, 'shortId'>): boolean =>
  description.endsWith(` from cluster ${shortId}`);

/** Likewise. */
export const isServiceSecurityGroup = ({ description }: { description: string }, { shortId }: Pick<ClusterRow, 'shortId'>): boolean =>
  description.endsWith(` Service LoadBalancer in cluster ${shortId}`);

/** Whoever may not list them could not have them made either: the controller has the same roles. */
export const listServiceLoadBalancers = async (cloud: Cloud, row: Pick<ClusterRow, 'shortId'>): Promise<CloudLoadBalancer[]> => {
  if (!(await cloud.offers('load-balancer'))) return [];
  try {
    return (await cloud.loadBalancer.listLoadBalancers()).filter(({ name }) => name.startsWith(serviceLoadBalancerPrefix(row)));
  } catch (error) {
    if (error instanceof UserError && error.detail.openstack?.status === 403) return [];
    throw error;
  }
};

/** Only the cluster knows which of its volumes are to stay, so without its word none goes. */
export const leaveVolumes = async (scope: ClusterScope, stop: Stop): Promise<Outcome> => {
  await stop();
  return untilDeadline(scope, { stage: 'VOLUMES', work: () => removeVolumes(scope) });
};

const removeVolumes = async (scope: ClusterScope): Promise<Outcome> => {
  const cloud = lentCloud(scope.world, scope.row);
  if (!(await cloud.offers('volume'))) return done();
  const volumes = await cloud.volume.listVolumes({ metadata: { [CSI_CLUSTER]: scope.row.shortId } });
  if (volumes.length === 0) {
    await noteGoing(scope, CSI_VOLUMES, []);
    return done();
  }
  const wish = scope.row.deletePolicy?.volumes ?? null;
  if (wish === 'KEEP') return done(`Volumes are kept, as was asked: ${listed(volumes.map(({ id }) => id))}.`);
  const known = wish === 'DELETE' ? [] : await listInTenant(scope, 'PersistentVolume');
  if (known === undefined && scope.row.seedAbandoned)
    return done(`Volumes are kept, for nobody can say any more which of them may go: ${listed(volumes.map(({ id }) => id))}.`);
  if (known === undefined)
    return waiting(
      `the cluster's API to say which of its volumes stay; to go on without, ask deleteCluster again with policy.volumes KEEP or DELETE: ${listed(volumes.map(({ id }) => id))}`,
      30_000,
      'CUSTOMER',
    );
  const doomed = new Set(known.map(({ spec }) => doomedHandle(spec as VolumeSpec | undefined)));
  const doomedVolumes = volumes.filter(({ id }) => wish === 'DELETE' || doomed.has(id));
  const snapshots = await listSnapshotsOf(cloud, doomedVolumes);
  const fate = scope.row.deletePolicy?.snapshots ?? null;
  const held = new Set(fate === 'DELETE' ? [] : snapshots.map(({ volumeId }) => volumeId));
  const going = doomedVolumes.filter(({ id }) => !held.has(id));
  if (fate === 'DELETE') for (const { id, status } of snapshots) if (DELETABLE.has(status)) await cloud.volume.deleteSnapshot(id);
  await noteGoing(scope, CSI_VOLUMES, going);
  const free = going.filter(({ id }) => !snapshots.some(({ volumeId }) => volumeId === id));
  for (const { id, status } of free) if (DELETABLE.has(status)) await cloud.volume.deleteVolume(id);
  if (going.length > 0) return waiting(`volumes to go: ${listed(going.map(({ id, status }) => `${id} (${status})`))}`, 2_000);
  if (held.size > 0 && fate === null)
    return waiting(
      `word on the snapshots of volumes that are to go: delete them, or ask deleteCluster again with policy.snapshots KEEP (the volumes stay as well) or DELETE: ${listed(snapshots.map(({ id, volumeId }) => `${id} (of ${volumeId})`))}`,
      30_000,
      'CUSTOMER',
    );
  if (held.size > 0) return done(`Volumes are kept, some for their snapshots, as was asked: ${listed(volumes.map(({ id }) => id))}.`);
  return done(`Volumes are kept, as the cluster said: ${listed(volumes.map(({ id }) => id))}.`);
};

/** Cinder deletes no volume that has one. */
export const listSnapshotsOf = async (cloud: Cloud, volumes: readonly { id: string }[]): Promise<CloudSnapshot[]> =>
  volumes.length === 0 ? [] : (await cloud.volume.listSnapshots()).filter(({ volumeId }) => volumes.some(({ id }) => id === volumeId));

/** Of the states that Cinder deletes from, those that need nobody's hand before. */
export const DELETABLE: ReadonlySet<string> = new Set(['available', 'error', 'error_restoring', 'error_extending', 'error_managing']);

interface VolumeSpec {
  persistentVolumeReclaimPolicy?: string;
  csi?: { driver?: string; volumeHandle?: string };
}

const doomedHandle = ({ csi, persistentVolumeReclaimPolicy }: VolumeSpec = {}): string | undefined =>
  csi?.driver === CSI_DRIVER && persistentVolumeReclaimPolicy === 'Delete' ? csi.volumeHandle : undefined;

/** Undefined when the cluster's API does not answer. */
const listInTenant = async (scope: ClusterScope, kind: string): Promise<KubernetesObject[] | undefined> => {
  try {
    const { kube } = await scope.tenant();
    return (await kube.list({ apiVersion: 'v1', kind })).items;
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
};

const MOST_LISTED = 5;
export const listed = (all: readonly string[]): string =>
  all.length > MOST_LISTED ? `${all.slice(0, MOST_LISTED).join(', ')} and ${all.length - MOST_LISTED} more` : all.join(', ');
