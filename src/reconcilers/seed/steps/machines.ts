/** A made seed's servers: the first begins the cluster, the others join it, and all boot side by side; what is lost is replaced. */
import { tokenText } from '../../../controlPlane/bootstrapToken.ts';
import { imageOf } from '../../../controlPlane/images.ts';
import { buildPackageSource } from '../../../controlPlane/packages.ts';
import { buildControlPlaneMachine, buildFirstMachine, buildFurtherMachine } from '../../../controlPlane/seedMachine.ts';
import { Unavailable } from '../../../domain/errors.ts';
import type { SeedMachine } from '../../../domain/madeSeed.ts';
import { isOlder } from '../../../domain/upgrade.ts';
import { done, NotYet, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { Server } from '../../../openstack/server.ts';
import { caPin } from '../../../pki/keys.ts';
import { ensureResource, findUnlessGone, forgetResource, presentId } from '../../resource.ts';
import { originOf } from '../../serverFailure.ts';
import { type Followed, leadAddress } from '../leadAddress.ts';
import { clearPlaceOf, hasJoined } from '../lostMachine.ts';
import { loadOrMakeToken } from '../machineTokens.ts';
import {
  controlPlaneOf,
  descriptionOf,
  keyOf,
  machinesEver,
  machinesWanted,
  madeOf,
  placeOf,
  prefixOf,
  removeOwn,
  removePort,
  settled,
  surplusOf,
  tagOf,
} from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { readClusterVersion, runningRelease } from '../upgrade.ts';
import { authorities, getAuthorities } from './authorities.ts';
import { serverGroup, serverGroupKey } from './serverGroup.ts';

const BUILD_LOOK_MS = 2_000;

export const machines: Step<SeedScope> = {
  name: 'MachinesActive',
  title: 'Start the machines',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [authorities, serverGroup],
  ensure: async (scope) => {
    for (const name of await surplusOf(scope, 'server')) await removeServer(scope, name);
    for (const name of await surplusOf(scope, 'port')) await removePort(scope, name);
    const wanted = machinesWanted(scope);
    const known: Followed[] = [];
    for (const machine of wanted) known.push({ machine, server: await lookAtServer(scope, machine) });
    // Before anything is made, for that may fail, and the address may lead to what is gone.
    await leadAddress(scope, known);
    for (const { machine, server } of known) {
      if (server !== 'NEVER_MADE') continue;
      if (machine.controlPlane && placeOf(scope).answeredAt !== undefined) await clearForNew(scope, machine, known);
      await ensureServer(scope, machine);
    }
    const seen: Outcome[] = [];
    for (const { machine, server } of known)
      seen.push(await follow(scope, machine, server === 'NEVER_MADE' ? await lookAtServer(scope, machine) : server, known));
    return seen.find(({ kind }) => kind === 'waiting') ?? done(wanted.length === 1 ? '1 machine' : `${wanted.length} machines`);
  },
  remove: async (scope) => {
    for (const name of await machinesEver(scope, 'server')) await removeServer(scope, name);
    return done();
  },
};

const METADATA = 'seedbed-seed';

const findServers = async ({ cloud, row }: SeedScope, name: string): Promise<Server[]> =>
  (await cloud().compute.listServers({ name, metadata: { [METADATA]: row.id } })).filter(
    (server) => server.name === name && server.metadata[METADATA] === row.id && server.status !== 'DELETED',
  );

/** What a server needs and somebody has deleted since it was made is made anew by its own step; nobody looks at it while all is well. */
const requireParts = async (scope: SeedScope, { name, controlPlane }: SeedMachine): Promise<void> => {
  const { network, compute } = scope.cloud();
  const portKey = keyOf(scope, 'NETWORK', 'port', name);
  const portId = await presentId(scope.db, portKey);
  if (portId !== undefined && (await findUnlessGone(network.getPort(portId))) === undefined) {
    await forgetResource(scope, portKey);
    throw new NotYet(`the port of ${name}, which is gone, to be made anew`, 0);
  }
  const groupId = controlPlane ? await presentId(scope.db, serverGroupKey(scope)) : undefined;
  if (groupId !== undefined && (await compute.findServerGroup(prefixOf(scope.row)))?.id !== groupId) {
    await forgetResource(scope, serverGroupKey(scope));
    throw new NotYet('the server group, which is gone, to be made anew', 0);
  }
};

const ensureServer = async (scope: SeedScope, machine: SeedMachine): Promise<string> => {
  const { row } = scope;
  if (placeOf(scope).answeredAt !== undefined) await requireParts(scope, machine);
  const made = madeOf(scope);
  const { imageId, flavorId, workerFlavorId } = placeOf(scope);
  const portId = settled(await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', machine.name)), 'the port');
  return ensureResource(scope, {
    key: keyOf(scope, 'COMPUTE', 'server', machine.name),
    find: async () => (await findServers(scope, machine.name))[0],
    create: async () => ({
      id: await scope.cloud().compute.createServer({
        name: machine.name,
        description: descriptionOf(row),
        flavorId: machine.controlPlane ? flavorId : workerFlavorId,
        boot: { kind: 'image', imageId },
        portIds: [portId],
        keypair: made.keypair,
        userData: await userDataOf(scope, machine, portId),
        configDrive: false,
        serverGroupId: machine.controlPlane ? ((await presentId(scope.db, serverGroupKey(scope))) ?? null) : null,
        schedulerHints: {},
        availabilityZone: made.availabilityZone,
        metadata: { [METADATA]: row.id, 'seedbed-seed-name': row.name },
        tags: [tagOf(row)],
      }),
    }),
  });
};

/**
 * While the seed is on its way to another version, what kubeadm has noted of the cluster, which is what it lets join; a kubelet may not be newer than
 * the API server either, and this machine's turn to be upgraded comes.
 */
const versionToInstall = async (scope: SeedScope, { controlPlane }: SeedMachine): Promise<string> => {
  const { kubernetesVersion, upgradedFrom } = madeOf(scope);
  if (upgradedFrom === undefined || placeOf(scope).answeredAt === undefined) return kubernetesVersion;
  const { kube } = await scope.seed();
  const [{ gitVersion }, cluster] = await Promise.all([kube.version(), readClusterVersion(kube)]);
  const noted = cluster ?? gitVersion;
  return controlPlane || isOlder(noted, gitVersion) ? noted : gitVersion;
};

const userDataOf = async (scope: SeedScope, machine: SeedMachine, portId: string): Promise<string> => {
  const { row, world } = scope;
  const kubernetesVersion = await versionToInstall(scope, machine);
  const release = runningRelease(scope, kubernetesVersion);
  const { imageRegistry, imageDigests, packages } = world.settings;
  const own = await getAuthorities(scope);
  const common = {
    seedName: row.name,
    nodeName: machine.name,
    publicAddress: settled(placeOf(scope).address, 'the address of the API'),
    podCidr: row.podCidr ?? '',
    kubernetesVersion,
    pauseImage: imageOf({ imageRegistry, imageDigests, release }, 'pause'),
    packageSource: packages === null ? null : buildPackageSource(packages, release),
  };
  const joining = async () => ({ caPin: caPin(own.ca.cert), token: tokenText(await loadOrMakeToken(scope, machine.name)) });
  if (!machine.controlPlane) return buildFurtherMachine({ ...common, ...(await joining()) });
  const controlPlane = { ...common, address: await addressOf(scope, portId), authorities: own };
  // A second beginning would be another cluster, with the same keys.
  if (machine.index > 0 || placeOf(scope).answeredAt !== undefined)
    return buildControlPlaneMachine({ ...controlPlane, ...(await joining()) });
  const peers: string[] = [];
  for (const { name } of controlPlaneOf(scope).slice(1))
    peers.push(await addressOf(scope, settled(await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', name)), 'the port')));
  return buildFirstMachine({ ...controlPlane, peers, serviceCidr: row.serviceCidr ?? '', imageRegistry });
};

const addressOf = async (scope: SeedScope, portId: string): Promise<string> =>
  (await scope.cloud().network.getPort(portId)).fixedIps[0]?.address ?? '';

/** One that Nova could not run for long may have been let into etcd. A server that is there and has no note stays what it is. */
const clearForNew = async (scope: SeedScope, machine: SeedMachine, all: readonly Followed[]): Promise<void> => {
  if ((await findServers(scope, machine.name)).length === 0) await clearPlaceOf(scope, machine, all);
};

const lookAtServer = async (scope: SeedScope, { name }: SeedMachine): Promise<Followed['server']> => {
  const id = await presentId(scope.db, keyOf(scope, 'COMPUTE', 'server', name));
  if (id === undefined) return 'NEVER_MADE';
  const live = await findUnlessGone(scope.cloud().compute.getServer(id));
  return live === undefined || live.status === 'DELETED' ? 'GONE' : live;
};

const follow = async (scope: SeedScope, machine: SeedMachine, live: Followed['server'], all: readonly Followed[]): Promise<Outcome> => {
  const { name } = machine;
  if (live === 'GONE' || live === 'NEVER_MADE') {
    if (placeOf(scope).answeredAt !== undefined) await clearPlaceOf(scope, machine, all);
    await forgetResource(scope, keyOf(scope, 'COMPUTE', 'server', name));
    await ensureServer(scope, machine);
    return waiting(`another server in the place of ${name}, which is gone`, 0);
  }
  if (live.status === 'ACTIVE') return done();
  if (live.status === 'ERROR') return giveUp(scope, live, machine);
  return waiting(
    `Nova to start server ${name} (${live.id}): it says ${live.status}`,
    BUILD_LOOK_MS,
    live.status === 'BUILD' ? 'NOBODY' : 'CLOUD_ADMIN',
  );
};

/** One that was never built is deleted, and asked for again at the next try; one that was a node holds what clusters have there, and is nobody's to delete. */
const giveUp = async (scope: SeedScope, live: Server, machine: SeedMachine): Promise<never> => {
  const { id, name, fault } = live;
  const openstack = await originOf(scope.cloud().compute, live);
  const why = fault?.message ?? 'it gave no reason';
  if (await hasJoined(scope, machine))
    throw new Unavailable(
      'SERVER_FAULT',
      `Nova says that server ${name} (${id}) is in ERROR: ${why}. Its disk holds a part of what is in the seed, so Seedbed does not delete it: bring it back (openstack server reboot --hard), or delete it in the cloud when its disk is lost; then another takes its place.`,
      { whoMustAct: 'CLOUD_ADMIN', openstack },
    );
  await removeServer(scope, name);
  throw new Unavailable('SERVER_BUILD_FAILED', `Nova could not run server ${name}: ${why}`, { whoMustAct: 'CLOUD_ADMIN', openstack });
};

const removeServer = (scope: SeedScope, name: string): Promise<void> => {
  const { compute } = scope.cloud();
  return removeOwn(scope, {
    key: keyOf(scope, 'COMPUTE', 'server', name),
    list: () => findServers(scope, name),
    remove: async (id) => {
      const live = await findUnlessGone(compute.getServer(id));
      if (live === undefined || live.status === 'DELETED') return 'GONE';
      if (live.taskState !== 'deleting' || live.status === 'ERROR') await compute.deleteServer(id);
      return 'UNDER_WAY';
    },
  });
};
