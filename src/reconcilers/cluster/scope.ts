/** What the steps of a cluster look at. */
import type { HostedCluster, ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { isReachable } from '../../controlPlane/hostedCluster.ts';
import { namespaceOf, nodeCidrOf } from '../../domain/cluster.ts';
import { apiServerReplicasOf } from '../../domain/controlPlane.ts';
import { errorOf, Unavailable } from '../../domain/errors.ts';
import { formingOf } from '../../domain/etcd.ts';
import type { InventoryService } from '../../domain/inventory.ts';
import { isDualStack } from '../../domain/template.ts';
import { findRelease } from '../../domain/version.ts';
import type { Cloud } from '../../openstack/session.ts';
import type { ClusterPki } from '../../pki/bundle.ts';
import { factsOf } from '../../pki/facts.ts';
import type { EnsureOptions } from '../../seeds/apply.ts';
import { isCustom, type KubernetesObject } from '../../seeds/kinds.ts';
import { saveCertificates } from '../../store/certificates.ts';
import { type InventoryKey, type InventoryRow, listInventory, saveLedger } from '../../store/inventory.ts';
import { type ClusterRow, loadSeed, type NodeGroupRow, patchCluster, type SeedRow } from '../../store/reconcile.ts';
import { wakeNodes } from '../../store/wake.ts';
import { applyGroup } from '../applied.ts';
import type { Write } from '../kind.ts';
import type { NetworkSight } from '../networkSights.ts';
import type { ResourceScope } from '../resource.ts';
import type { SeedHandle } from '../seedRegistry.ts';
import type { TenantHandle } from '../tenantRegistry.ts';
import type { World, WorldSettings } from '../world.ts';

export interface ClusterScope extends ResourceScope {
  world: World;
  row: ClusterRow;
  groups: NodeGroupRow[];
  cloud(): Cloud;
  /** The project's, shared with its other clusters: up to a minute old. */
  networkSight(): Promise<NetworkSight>;
  /** By a trust that may not be the cluster's. */
  trusted(trustId: string): Cloud;
  seedRow(): Promise<SeedRow>;
  /** As it was seen last in this pass. */
  seedSeen(): SeedRow | undefined;
  seed(): Promise<SeedHandle>;
  tenant(): Promise<TenantHandle>;
  hosted(): Promise<HostedCluster>;
  /** Throws Unavailable before the cluster has an address. */
  reachable(): Promise<ReachableCluster>;
  pki(): Promise<ClusterPki>;
  /** Stores it with what is different; the steps after see it at once. Two at a time are stored one after the other. */
  changePki(change: Partial<ClusterPki>): Promise<void>;
  /** Whether this pass has stored another one since its first steps read it. */
  pkiChanged(): boolean;
  /** Whether this pass has put another cloud credential in use: steps beside may have read the one before. */
  credentialChanged(): boolean;
  patch(patch: Partial<ClusterRow>): Promise<void>;
  key(service: InventoryService, kind: string, name: string): InventoryKey;
  /** Applies objects to the seed under a group name; true when something was written. */
  applyToSeed(group: string, objects: KubernetesObject[]): Promise<boolean>;
  /** `blame`: what to throw in place of an API's error on an object. */
  applyToTenant(group: string, objects: KubernetesObject[], blame?: EnsureOptions['blame']): Promise<boolean>;
  /** What was applied to the seed and the cluster, and not taken away again. */
  applied(): Promise<readonly InventoryRow[]>;
  /** Something of the group was applied, to the seed or the cluster, and not taken away again. */
  hasApplied(group: string): Promise<boolean>;
  /** What was applied to the cluster under the group goes with the cluster, and nobody need look for it any more. */
  forgetInTenant(group: string): Promise<void>;
}

/** What a pass has seen of the seed's row is good for so long, in milliseconds. */
const SEED_SEEN_MS = 1_000;

export const openClusterScope = (world: World, row: ClusterRow, groups: NodeGroupRow[], write: Write): ClusterScope => {
  // What was settled before is compared with what is live; on the way there, what was applied a second ago is believed.
  // After a pause or a hibernation nobody knows what has become of it, whatever else is under way.
  const look = ['READY', 'DEGRADED', 'UNKNOWN'].includes(row.state) || row.pause !== null || row.hibernation !== null ? 'full' : 'trust';
  let pki: Promise<ClusterPki> | null = null;
  let changedPki = false;
  const credentialBefore = row.credential;
  let stored: Promise<void> = Promise.resolve();
  let seen: { seed: SeedRow; at: number } | null = null;
  let hosted: { of: readonly unknown[]; cluster: HostedCluster } | null = null;
  // Every addon that is not wanted asks; nobody else writes it during a pass.
  let applied: Promise<readonly InventoryRow[]> | null = null;
  const changing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } finally {
      applied = null;
    }
  };
  const scope: ClusterScope = {
    world,
    row,
    groups,
    write,
    db: world.store.db,
    clock: world.clock,
    cutOffMs: world.settings.cutOffMs,
    restored: row.createdAt < (row.restoredAt ?? 0),
    look,
    cloud: () => world.clouds.forCluster(row),
    networkSight: () => world.networks.of(row.projectId, scope.cloud()),
    trusted: (trustId) => world.clouds.forTrust(trustId),
    seedSeen: () => seen?.seed,
    seedRow: async () => {
      // Steps ask for it at each turn; what it is made of changes once in a while.
      const now = world.clock.now();
      if (seen?.seed.id === row.seedId && now - seen.at < SEED_SEEN_MS) return seen.seed;
      const seed = row.seedId === null ? undefined : await loadSeed(world.store.db, row.seedId);
      if (seed !== undefined) seen = { seed, at: now };
      if (seed === undefined) throw new Unavailable('SEED_UNAVAILABLE', 'The cluster has no seed yet.', { whoMustAct: 'CLOUD_ADMIN' });
      return seed;
    },
    seed: async () => {
      const row = await scope.seedRow();
      // Its own passes ask it whether it is there again, and nobody else does.
      if (row.lostAt !== null) throw new Unavailable('SEED_UNAVAILABLE', 'The seed does not answer.', { whoMustAct: 'CLOUD_ADMIN' });
      const handle = await world.seeds.get(row.id);
      await handle.synced();
      // On the way to READY there is always something to be waited for, and a seed that is away tells nobody that it has come.
      const problem = look === 'trust' ? handle.problem() : undefined;
      if (problem !== undefined) throw errorOf(problem);
      return handle;
    },
    tenant: () => world.tenants.get(row),
    hosted: async () => {
      const seed = await scope.seedRow();
      // The same value for the same inputs, so that what is built of it need not be built again.
      const of = [
        row.spec,
        row.resolved?.fixedCidr,
        row.etcd,
        row.endpointHost,
        row.endpointPort,
        row.move,
        seed.exposure,
        seed.storageClass,
        seed.facts?.priorityClass,
      ];
      if (hosted === null || hosted.of.some((input, i) => input !== of[i])) hosted = { of, cluster: hostedOf(row, seed, world.settings) };
      return hosted.cluster;
    },
    reachable: async () => {
      const hosted = await scope.hosted();
      if (!isReachable(hosted)) throw new Unavailable('CLUSTER_UNAVAILABLE', "The cluster's API has no address yet.");
      return hosted;
    },
    pki: () => {
      // Read by the steps after the one that makes it, so it does not change under them.
      pki ??= loadPki(world, row.id);
      return pki;
    },
    changePki: (change) => {
      // The step that completes it comes before all that read it.
      changedPki = pki !== null;
      const made = (pki ?? loadPki(world, row.id)).then((now) => ({ ...now, ...change }));
      pki = made;
      stored = stored.then(async () => savePki(world, write, row.id, await made));
      return stored;
    },
    pkiChanged: () => changedPki,
    credentialChanged: () => row.credential !== credentialBefore,
    patch: async (patch) => {
      await write((tx) => patchCluster(tx, row.id, patch));
      Object.assign(row, patch);
    },
    key: (service, kind, name) => ({ clusterId: row.id, ownerId: row.id, service, kind, name }),
    applyToSeed: async (group, objects) => {
      const { kube, versions } = await scope.seed();
      const to = { clusterId: row.id, ownerId: row.id, service: 'SEED', group, look, versions } as const;
      return (await changing(() => applyGroup(scope, kube, to, objects))).length > 0;
    },
    applyToTenant: async (group, objects, blame) => {
      const { kube, versions } = await scope.tenant();
      // A watch on a kind that is not served yet would only fail again and again.
      versions.follow(objects.filter((object) => !isCustom(object)));
      const to = { clusterId: row.id, ownerId: row.id, service: 'CLUSTER', group, look, versions, ...(blame && { blame }) } as const;
      return (await changing(() => applyGroup(scope, kube, to, objects))).length > 0;
    },
    applied: () => {
      applied ??= listInventory(world.store.db, row.id).then((rows) => rows.filter((r) => APPLIED.has(r.service) && r.state === 'PRESENT'));
      return applied;
    },
    hasApplied: async (group) => (await scope.applied()).some(({ kind }) => kind === group),
    forgetInTenant: async (group) => {
      const rows = (await listInventory(world.store.db, row.id)).filter((r) => r.service === 'CLUSTER' && r.kind === group);
      const key = { clusterId: row.id, ownerId: row.id, service: 'CLUSTER', kind: group } as const;
      const names = rows.map(({ name }) => name);
      await changing(() => write((tx) => saveLedger(tx, key, {}, names, world.clock.now())));
    },
  };
  return scope;
};

const APPLIED: ReadonlySet<InventoryService> = new Set(['SEED', 'CLUSTER']);

const loadPki = async (world: World, clusterId: string): Promise<ClusterPki> => {
  const text = await world.secrets.find(world.store.db, clusterId, 'pki');
  if (text === undefined) throw new Unavailable('CLUSTER_UNAVAILABLE', 'The cluster has no certificates yet.');
  return JSON.parse(text) as ClusterPki;
};

/** With what may be shown of it, so that neither is ever older than the other. */
export const savePki = (world: World, write: Write, clusterId: string, pki: ClusterPki): Promise<void> => {
  // Two dozen certificates are read for it: not while others wait for the transaction to end.
  const facts = factsOf(pki);
  return write(async (tx) => {
    await world.secrets.put(tx, clusterId, 'pki', JSON.stringify(pki), world.clock.now());
    await saveCertificates(tx, clusterId, facts);
  });
};

/** What the cluster's nodes wait for has come: they are looked at now instead of at their next turn. */
export const wakeWaitingNodes = (scope: ClusterScope): Promise<void> =>
  scope.write((tx) => wakeNodes(tx, { clusterId: scope.row.id }, scope.clock.now(), true));

/** A seed that has given it once is asked for it by name once it has been let go anywhere. */
const addressOf = ({ move }: Pick<ClusterRow, 'move'>): HostedCluster['address'] => {
  if (move?.phase === 'HAND_OVER') return 'LET_GO';
  return move?.askedAt != null ? 'ASKED_FOR' : 'GIVEN';
};

/** What is read of a cluster and of its seed to say what the control plane is. */
export type HostedRow = Pick<
  ClusterRow,
  'id' | 'name' | 'projectId' | 'shortId' | 'spec' | 'resolved' | 'etcd' | 'move' | 'endpointHost' | 'endpointPort' | 'endpointFloatingIp'
>;
export type HostingSeed = Pick<SeedRow, 'exposure' | 'storageClass' | 'facts'>;

export const hostedOf = (row: HostedRow, seed: HostingSeed, { imageRegistry, imageDigests, egressCidrs }: WorldSettings): HostedCluster => {
  const release = findRelease(row.spec.kubernetesVersion);
  if (release === undefined) throw new Error(`Cluster ${row.id} has a version that the catalogue does not know.`);
  const { replicas, etcd: etcdSpec } = row.spec.controlPlane;
  const { volumeType, ...etcd } = etcdSpec;
  const membership = row.etcd ?? formingOf(replicas);
  return {
    id: row.id,
    name: row.name,
    projectId: row.projectId,
    shortId: row.shortId,
    namespace: namespaceOf(row.shortId),
    release,
    imageRegistry,
    imageDigests,
    egressCidrs,
    endpoint: row.endpointHost === null || row.endpointPort === null ? null : { host: row.endpointHost, port: row.endpointPort },
    exposure: seed.exposure,
    address: addressOf(row),
    priorityClass: seed.facts?.priorityClass ?? null,
    nodeCidr: nodeCidrOf(row),
    apiFloatingIp: row.endpointHost === null ? row.spec.masterLbFloatingIpEnabled : row.endpointFloatingIp,
    podCidr: row.spec.podCidr,
    serviceCidr: row.spec.serviceCidr,
    ipv6: isDualStack(row.spec) ? { podCidr: row.spec.podCidrV6, serviceCidr: row.spec.serviceCidrV6 } : null,
    dnsDomain: row.spec.dnsDomain,
    apiServerReplicas: apiServerReplicasOf(row.spec.controlPlane),
    managerReplicas: replicas > 1 ? 2 : 1,
    etcd: {
      ...etcd,
      storageClass: volumeType ?? seed.storageClass,
      ...membership,
      // Before a member goes, nobody asks it any more; before it votes, nobody asks it yet.
      endpoints: membership.phase === 'FORMING' ? membership.endpoints : Math.min(membership.endpoints, replicas),
    },
    resources: row.spec.controlPlane.resources,
    networkDriver: row.spec.networkDriver,
    volumeDriver: row.spec.volumeDriver,
    addons: row.spec.addons,
    tunnel: row.spec.controlPlane.tunnel,
    audit: row.spec.controlPlane.audit,
    issuers: row.spec.controlPlane.issuers,
    keystoneAuth: row.spec.keystoneAuthEnabled,
    keystoneRoles: row.spec.controlPlane.keystoneRoles,
  };
};
