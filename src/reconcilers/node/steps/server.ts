/** The node's server: asked for with user data that makes it join, and followed until Nova says ACTIVE. */

import { tokenText } from '../../../controlPlane/bootstrapToken.ts';
import type { HostedCluster } from '../../../controlPlane/hostedCluster.ts';
import { imageOf } from '../../../controlPlane/images.ts';
import { buildPackageSource } from '../../../controlPlane/packages.ts';
import { buildUserData } from '../../../controlPlane/userData.ts';
import { isWanted } from '../../../domain/addons.ts';
import { clusterTag } from '../../../domain/cluster.ts';
import { NotFound, type OpenStackOrigin, type Problem, Unavailable, UserError } from '../../../domain/errors.ts';
import { awaitsAdoption, CLOUD_INIT, hasSeveralAddresses, type ServerGroupPolicy } from '../../../domain/nodeGroup.ts';
import { joinVersionOf, nodeVersionOf, settingsDigestOf } from '../../../domain/roll.ts';
import { type Use, workerUse } from '../../../domain/usage.ts';
import { findRelease } from '../../../domain/version.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { Server, ServerSpec } from '../../../openstack/server.ts';
import { caPin } from '../../../pki/keys.ts';
import { findInventory } from '../../../store/inventory.ts';
import type { NodeGroupRow } from '../../../store/reconcile.ts';
import { endUses, listOpenUses } from '../../../store/usage.ts';
import { orLeft } from '../../cluster/deletionStage.ts';
import { descriptionOf, resourceName, SERVER_TAG } from '../../names.ts';
import { ensureResource, findUnlessGone, forgetResource, presentId, removeResource } from '../../resource.ts';
import { originOf } from '../../serverFailure.ts';
import { afterBuildFailure, type Failed, noteBuildFailure, type Rebuilt } from '../buildFailure.ts';
import { flavor, image, keypair, naming, ports, serverGroup } from '../gone.ts';
import type { NodeScope } from '../scope.ts';
import { serverKey } from '../standing.ts';
import { loadOrMakeToken } from '../token.ts';
import { lose, noteTrouble } from '../trouble.ts';
import { additionalPortIds, port } from './port.ts';
import { rootVolume } from './rootVolume.ts';

export const server: Step<NodeScope> = {
  name: 'ServerActive',
  title: 'Start the server',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [port, rootVolume],
  ensure: async (scope) => {
    const basis = await basisOf(scope);
    if (basis === undefined) return waiting("the address of the cluster's API, which the server's user data names", 15_000);
    // A copy of the database knows nothing of a server that has taken this one's place since.
    if (scope.row.serverId === null && awaitsAdoption(scope.group, scope.cluster))
      return waiting('servers of the group that the database does not know to be looked for', 15_000);
    const held = await afterBuildFailure(scope, failed(scope));
    if (held !== undefined) return held;
    const { compute } = scope.cloud();
    const serverId = await ensureResource(scope, {
      key: serverKey(scope),
      uses: { projectId: scope.cluster.projectId, use: useOf(scope) },
      find: () => findOwn(scope),
      create: async () => {
        const spec = await specOf(scope, basis);
        await requireOwnPort(scope);
        await noteMadeWith(scope, basis);
        const named = spec.boot.kind === 'image' ? [image, flavor, keypair, serverGroup, ports] : [flavor, keypair, serverGroup, ports];
        return naming(scope, named, async () => ({ id: await compute.createServer(spec) }));
      },
    });
    if (scope.row.serverId !== serverId) await scope.patch({ serverId });
    return follow(scope, serverId);
  },
  remove: async (scope) => {
    const serverId = scope.row.serverId;
    if (serverId !== null) scope.world.servers.forget(serverId);
    return orLeft(scope.cluster, async () =>
      (await removeOwn(scope)) ? done() : waiting(`Nova to delete server ${scope.row.name}`, 5_000),
    );
  },
};

/** Counted as it is made: a server's flavor never changes, its group's may. */
const useOf = ({ group }: NodeScope): Use | undefined =>
  group.resolved?.machine === undefined ? undefined : workerUse(group.resolved.machine.vcpus);

const removeOwn = (scope: NodeScope): Promise<boolean> =>
  removeResource(scope, {
    key: serverKey(scope),
    find: () => findOwn(scope),
    remove: (id) => removeServer(scope, id),
  });

/** Its port and its root volume are kept for the next, and free for it once it is gone. */
const failed = (scope: NodeScope): Rebuilt => ({
  key: serverKey(scope),
  what: 'server',
  clear: async () => {
    const gone = await removeOwn(scope);
    if (gone) await scope.patch({ serverId: null, joiningSince: null });
    return gone;
  },
});

const findOwn = async (scope: NodeScope): Promise<Server | undefined> => {
  const found = await scope.cloud().compute.listServers({ name: scope.row.name, metadata: { 'seedbed-node': scope.row.id } });
  return found.find((s) => s.name === scope.row.name && s.metadata['seedbed-node'] === scope.row.id);
};

/** What a server cannot be asked for without. */
interface Basis {
  hosted: HostedCluster;
  endpoint: NonNullable<HostedCluster['endpoint']>;
  caCertificate: string;
  resolved: NonNullable<NodeGroupRow['resolved']>;
  portId: string;
}

const basisOf = async (scope: NodeScope): Promise<Basis | undefined> => {
  const { caCertificate } = scope.cluster;
  const { resolved } = scope.group;
  const { portId } = scope.row;
  const hosted = await scope.hosted();
  if (hosted === undefined || hosted.endpoint === null || caCertificate === null || resolved === null || portId === null) return undefined;
  return { hosted, endpoint: hosted.endpoint, caCertificate, resolved, portId };
};

const specOf = async (scope: NodeScope, { hosted, endpoint, caCertificate, resolved, portId }: Basis): Promise<ServerSpec> => {
  const { cluster, group, row } = scope;
  const serverGroupId = await presentId(scope.db, {
    clusterId: cluster.id,
    ownerId: group.id,
    service: 'COMPUTE',
    kind: 'server-group',
    name: resourceName(cluster, group.name),
  });
  const token = await loadOrMakeToken(scope);
  const { packages } = scope.world.settings;
  const version = joinVersionOf(group, cluster);
  const release = findRelease(version);
  if (release === undefined) throw new Error(`Node group ${group.id} is to run ${version}, which the catalogue does not know.`);
  return {
    name: row.name,
    description: descriptionOf(cluster),
    flavorId: resolved.flavorId,
    boot: row.volumeId === null ? { kind: 'image', imageId: resolved.imageId } : { kind: 'volume', volumeId: row.volumeId },
    portIds: [portId, ...(await additionalPortIds(scope)), ...(row.existingPortId === null ? [] : [row.existingPortId])],
    keypair: group.spec.keypair,
    userData: buildUserData({
      clusterName: cluster.name,
      nodeName: row.name,
      endpoint,
      token: tokenText(token),
      caPin: caPin(caCertificate),
      labels: group.spec.labels,
      taints: group.spec.taints,
      kubernetesVersion: version,
      pauseImage: imageOf({ ...hosted, release }, 'pause'),
      packageSource: packages === null ? null : buildPackageSource(packages, release),
      cloudController: isWanted('cloudController', cluster.spec),
      nodeIps: nodeIpsOf(scope),
      cloudInit: group.spec.cloudInit === null ? null : await openCloudInit(scope),
    }),
    configDrive: group.spec.configDrive,
    serverGroupId: serverGroupId ?? null,
    availabilityZone: zoneFor(scope),
    schedulerHints: group.spec.schedulerHints,
    metadata: { ...group.spec.metadata, 'seedbed-cluster': cluster.id, 'seedbed-node': row.id },
    tags: [SERVER_TAG, clusterTag(cluster.id)],
  };
};

/** Before it is asked for: what was cut off is then known to be of these. A root volume has its image already. */
const noteMadeWith = async ({ row, group, cluster, patch }: NodeScope, { resolved }: Basis): Promise<void> =>
  patch({
    kubernetesVersion: nodeVersionOf(group, cluster),
    imageId: row.volumeId === null ? resolved.imageId : (row.imageId ?? resolved.imageId),
    flavorId: resolved.flavorId,
    settingsDigest: settingsDigestOf(group.spec),
  });

/** Which of several addresses a kubelet is to be reached at: of both families it takes IPv4 alone unless it is told. */
const nodeIpsOf = ({ group, row }: NodeScope): string[] =>
  hasSeveralAddresses(group.spec) || row.addressV6 !== null ? [row.address, row.addressV6].filter((ip) => ip !== null) : [];

/** The customer's port, which is his to delete and to use elsewhere, too. */
const requireOwnPort = async ({ row, cloud }: NodeScope): Promise<void> => {
  const { existingPortId: id } = row;
  if (id === null) return;
  const field = ['existingPorts'];
  const port = await findUnlessGone(cloud().network.getPort(id));
  if (port === undefined)
    throw new UserError('PORT_GONE', `Port ${id} of the group's existingPorts is not there any more; make a group with others.`, { field });
  if (port.deviceId !== '')
    throw new UserError(
      'IN_USE',
      `Port ${id} of the group's existingPorts is in use by ${port.deviceId}; free it, and it is taken by itself.`,
      {
        field,
      },
    );
};

/** Spread over the group's zones; one that could not be built in one is asked for in the next. */
const zoneFor = ({ group, row }: NodeScope): string | null => {
  const zones = group.spec.availabilityZones;
  const first = [...row.id].reduce((sum, c) => sum + c.charCodeAt(0), 0);
  return zones[(first + (row.buildFailures?.moves ?? 0)) % Math.max(1, zones.length)] ?? null;
};

const openCloudInit = async (scope: NodeScope): Promise<string> => {
  const text = await scope.world.secrets.find(scope.db, scope.group.id, CLOUD_INIT);
  if (text === undefined) throw new Error(`The cloud-init of node group ${scope.group.id} is not there.`);
  return text;
};

const follow = async (scope: NodeScope, serverId: string): Promise<Outcome> => {
  // A Ready node says more than Nova could; its server is looked at again when it stops being one.
  if (scope.row.state === 'READY') return done();
  const live = await findSeen(scope, serverId);
  // Only a server that has never been a node is made anew by itself: what ran on another is not lightly said to be gone.
  const wasNode = scope.row.kubeletVersion !== null;
  if (live === undefined && wasNode) {
    await endCount(scope);
    return lose(scope, 'SERVER_LOST', 'has lost its server, which was deleted in the cloud', LOST_LOOK_MS);
  }
  if (live === undefined) return startAnew(scope, 'the server that was deleted behind our back to be made anew');
  const zone = live.availabilityZone;
  if (zone !== scope.row.zone) await scope.patch({ zone });
  switch (live.status) {
    case 'ACTIVE':
      scope.seen = wasNode ? 'NOT_READY' : 'BOOTING';
      scope.world.servers.forget(serverId);
      return done();
    case 'ERROR':
      if (wasNode)
        return lose(scope, 'SERVER_ERROR', `has a server in ERROR (${live.fault?.message ?? 'Nova gave no reason'})`, LOST_LOOK_MS);
      return giveUp(scope, live);
    default:
      scope.seen = wasNode ? 'NOT_READY' : 'CREATING';
      if (wasNode && scope.row.trouble === null)
        await noteTrouble(scope, 'NOT_READY', `is not Ready: Nova calls its server ${live.status}`);
      scope.world.servers.follow({
        projectId: scope.cluster.projectId,
        clusterId: scope.cluster.id,
        cloud: scope.cloud(),
        serverId,
        nodeId: scope.row.id,
        status: live.status,
      });
      if (live.status.endsWith('REBOOT')) return waiting(`server ${live.name} to come back from its reboot`, 15_000);
      if (live.status === 'BUILD') return waiting(`Nova to build server ${live.name} (${live.id})`, 15_000);
      return waiting(`server ${live.name} to be started again: Nova says ${live.status}`, 15_000, 'CUSTOMER');
  }
};

/** Its note stays until the node goes. */
const endCount = async (scope: NodeScope): Promise<void> => {
  const noted = await findInventory(scope.db, serverKey(scope));
  if (noted === undefined || (await listOpenUses(scope.db, noted.id)).length === 0) return;
  await scope.write((tx) => endUses(tx, noted.id, scope.clock.now()));
};

/** While a server that is ACTIVE boots and joins, what Nova said of it seconds ago will do; that it has become so, or what a silent node's does, is asked for. */
const findSeen = async (scope: NodeScope, serverId: string): Promise<Server | undefined> => {
  const seen = scope.row.kubeletVersion === null ? scope.world.servers.sight(serverId) : undefined;
  if (seen?.status === 'ACTIVE') return seen;
  const live = await findLive(scope, serverId);
  if (live !== undefined) scope.world.servers.note(live);
  return live;
};

const findLive = async (scope: NodeScope, serverId: string): Promise<Server | undefined> => {
  try {
    const live = await scope.cloud().compute.getServer(serverId);
    return live.status === 'DELETED' ? undefined : live;
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
};

const LOST_LOOK_MS = 60_000;

const startAnew = async (scope: NodeScope, reason: string): Promise<Outcome> => {
  await forgetResource(scope, serverKey(scope));
  await scope.patch({ serverId: null, joiningSince: null });
  scope.seen = 'CREATING';
  return waiting(reason, 0);
};

/** A server in ERROR never gets better: it is deleted, and another is made. */
const giveUp = async (scope: NodeScope, live: Server): Promise<Outcome> => {
  const openstack = await originOf(scope.cloud().compute, live);
  await noteBuildFailure(scope, serverKey(scope), (failed) => problemOfBuild(scope, live, openstack, failed));
  return (await afterBuildFailure(scope, failed(scope))) ?? waiting('another try', 0);
};

const problemOfBuild = (
  scope: NodeScope,
  { fault, availabilityZone }: Server,
  openstack: OpenStackOrigin,
  { which, next }: Failed,
): Problem => {
  const words = fault?.message.replace(/[.\s]+$/, '') ?? 'it gave no reason';
  const noHost = /no valid host/i.test(words);
  const { serverGroupPolicy: policy, availabilityZones: zones } = scope.group.spec;
  const bound = noHost && (policy === 'ANTI_AFFINITY' || policy === 'AFFINITY');
  const zone = availabilityZone ?? zoneFor(scope);
  const where = zone === null || zones.length < 2 ? '' : `, in ${zone} last`;
  const advice = noHost ? noHostAdvice(policy) : 'ask the cloud administrator, or choose another image, flavor or network';
  return new UserError(
    noHost ? 'NO_VALID_HOST' : 'SERVER_BUILD_FAILED',
    `Nova could not build the server (${which}${where}): ${words} (${advice}; ${next}).`,
    { whoMustAct: bound ? 'CUSTOMER' : 'CLOUD_ADMIN', openstack },
  ).toProblem();
};

const noHostAdvice = (policy: ServerGroupPolicy): string =>
  policy === 'ANTI_AFFINITY' || policy === 'AFFINITY'
    ? `the group's server group policy ${policy} may leave no host: have fewer workers, or a group with SOFT_${policy}; else choose another flavor or zone, or ask the cloud administrator`
    : 'ask the cloud administrator, or choose another flavor or zone';

const removeServer = async (scope: NodeScope, id: string): Promise<boolean> => {
  const { compute } = scope.cloud();
  const live = await findLive(scope, id);
  if (live === undefined) return true;
  // A delete that failed on its host leaves the server in ERROR, still "deleting": only another delete goes on.
  const underWay = live.taskState === 'deleting' && live.status !== 'ERROR';
  if (!underWay && !(await compute.deleteServer(id))) return true;
  scope.world.servers.follow({
    projectId: scope.cluster.projectId,
    clusterId: scope.cluster.id,
    cloud: scope.cloud(),
    serverId: id,
    nodeId: scope.row.id,
    status: live.status,
  });
  if (live.status === 'ERROR' && live.taskState === 'deleting') {
    throw new Unavailable(
      'SERVER_FAULT',
      `Nova failed to delete the server and is asked again: ${live.fault?.message ?? 'it gave no reason'}`,
      { whoMustAct: 'CLOUD_ADMIN', openstack: await originOf(compute, live) },
    );
  }
  return false;
};
