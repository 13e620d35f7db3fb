/** A machine of a made seed that was deleted in the cloud: what has to be said in the seed before another takes its place. */
import { z } from 'zod';
import { buildSeedEtcdTask, SEED_ETCD_NAMESPACE, type SeedEtcdTask, seedEtcdTaskName } from '../../controlPlane/seedEtcdTask.ts';
import { Unavailable, UserError } from '../../domain/errors.ts';
import type { SeedMachine } from '../../domain/madeSeed.ts';
import { findRelease, getOfferedRelease } from '../../domain/version.ts';
import { NotYet } from '../../engine/flow.ts';
import type { KubernetesObject } from '../../seeds/kinds.ts';
import { readClusterUid } from '../../seeds/probe.ts';
import { complaintOf, jsonOf } from '../cluster/etcdSight.ts';
import { readJobAnswer, type TaskAnswer } from '../jobAnswer.ts';
import { findUnlessGone, presentId } from '../resource.ts';
import { createOnce } from '../workload.ts';
import type { Followed } from './leadAddress.ts';
import { controlPlaneOf, joinedOf, keyOf, madeOf, patchPlace, placeOf } from './made.ts';
import type { SeedScope } from './scope.ts';

const LOOK_MS = 2_000;
/** A node whose machine is gone. */
const ANSWERS_LOOK_MS = 5_000;
/** The address has led to each machine by then. */
const QUORUM_LOST_AFTER_MS = 120_000;

/**
 * Takes it off the list of etcd's members, and its Node away: another one with its name and address would be taken for it.
 * @throws NotYet while that goes on; UserError when it cannot be replaced any more, which says what to do.
 */
export const clearPlaceOf = async (scope: SeedScope, machine: SeedMachine, all: readonly Followed[]): Promise<void> => {
  // It has all that the seed knows; another one in its place would be another seed, whose clusters are gone.
  if (machine.controlPlane && controlPlaneOf(scope).length === 1) {
    // Where the seed answers, its machine is there.
    await silentNode(scope, machine).catch((error: unknown) => {
      if (!(error instanceof Unavailable)) throw error;
    });
    throw new UserError(
      'SERVER_FAULT',
      `Server ${machine.name}, which ran the API of this seed, was deleted in the cloud; delete the seed.`,
      {
        whoMustAct: 'CLOUD_ADMIN',
      },
    );
  }
  if (machine.controlPlane) await leaveEtcd(scope, machine, all);
  else await silentNode(scope, machine);
  const { kube } = await scope.seed();
  await kube.remove({ apiVersion: 'v1', kind: 'Node', name: machine.name });
  const joined = joinedOf(scope);
  if (joined.includes(machine.index)) await patchPlace(scope, { joined: joined.filter((index) => index !== machine.index) });
};

/**
 * Whether a machine holds, or may hold, a part of what is in the seed: it was a node of it.
 * @throws Unavailable when the seed cannot be asked.
 */
export const hasJoined = async (scope: SeedScope, { name, index, controlPlane }: SeedMachine): Promise<boolean> => {
  if (placeOf(scope).answeredAt === undefined) return false;
  if (controlPlane && joinedOf(scope).includes(index)) return true;
  const { kube } = await scope.seed();
  return (await kube.get({ apiVersion: 'v1', kind: 'Node', name })) !== undefined;
};

/**
 * One answer of Nova's that it knows no such server may be about another project, or wrong. Within a minute of a machine's death its node is Ready no more.
 * @throws NotYet until then; Unavailable when the seed cannot be asked.
 */
const silentNode = async (scope: SeedScope, { name }: SeedMachine): Promise<void> => {
  const { kube } = await scope.seed();
  const node = await kube.get({ apiVersion: 'v1', kind: 'Node', name });
  if (node === undefined || !isReady(node)) return;
  throw new NotYet(
    `node ${name} to be Ready no more: Nova knows no server ${name}, and its node still answers; if it goes on to, check in which project Seedbed looks for it`,
    ANSWERS_LOOK_MS,
  );
};

const isReady = ({ status }: KubernetesObject): boolean => {
  const { conditions } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
};

const leaveEtcd = async (scope: SeedScope, machine: SeedMachine, all: readonly Followed[]): Promise<void> => {
  const joined = joinedOf(scope);
  const others = all.filter((other) => other.machine.index !== machine.index && joined.includes(other.machine.index));
  await answering(scope, machine, others);
  await silentNode(scope, machine);
  const { kube } = await scope.seed();
  const nodes = await kube.list({ apiVersion: 'v1', kind: 'Node' });
  const ready = new Set(nodes.items.filter(isReady).map(({ metadata }) => metadata.name));
  const isWell = (other: Followed): boolean => runs(other) && ready.has(other.machine.name);
  const away = others.filter((other) => !isWell(other)).map((other) => other.machine.name);
  // Before the network of its pods is there, the first one is not Ready.
  const helper = others.find(isWell) ?? others.find(runs);
  if (helper === undefined)
    throw new NotYet(`another machine to run before the place of ${machine.name}, which is gone, is taken`, LOOK_MS);
  const nodeName = helper.machine.name;
  const changed = await takeAnswer(scope, 'change');
  if (changed === 'running') throw new NotYet(`etcd of the seed to let ${machine.name} go`, LOOK_MS);
  if (changed !== undefined && !changed.good && !/member not found/i.test(complaintOf(changed)))
    throw new Unavailable('SEED_UNAVAILABLE', `etcd of the seed does not let ${machine.name} go: ${complaintOf(changed)}`);
  const look = await takeAnswer(scope, 'look');
  if (look === undefined) await send(scope, { kind: 'look', nodeName, words: ['member', 'list'] });
  if (look === undefined || look === 'running') throw new NotYet('etcd of the seed to say who its members are', LOOK_MS);
  const old = memberOf(look, machine.name, await peerUrlOf(scope, machine));
  if (old === undefined) return;
  if (away.length > 0)
    throw new NotYet(`${away.join(', ')} to be Ready before the place of ${machine.name}, which is gone, is taken`, LOOK_MS);
  await send(scope, { kind: 'change', nodeName, words: ['member', 'remove', old] });
  throw new NotYet(`etcd of the seed to let ${machine.name} go`, LOOK_MS);
};

/**
 * Asks what etcd has to say, too: an API server without it tells its version all the same.
 * @throws UserError when no more than half of etcd's members are left, and for long; Unavailable when it does not answer for another reason.
 */
const answering = async (scope: SeedScope, machine: SeedMachine, others: readonly Followed[]): Promise<void> => {
  try {
    await readClusterUid((await scope.seed()).kube);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    const lost = others.filter(isGone).map((other) => other.machine.name);
    const members = joinedOf(scope).includes(machine.index) ? others.length + 1 : others.length;
    const { silentSince } = scope.row;
    const isSilent = silentSince !== null && scope.clock.now() - silentSince >= QUORUM_LOST_AFTER_MS;
    if ((others.length - lost.length) * 2 > members || !isSilent) throw stopped(machine, others, error);
    const names = [machine.name, ...lost];
    throw new UserError(
      'QUORUM_LOST',
      `${names.length === 1 ? 'Server' : 'Servers'} ${names.join(' and ')} of this seed's control plane ${names.length === 1 ? 'was' : 'were'} deleted in the cloud, and etcd has lost more members than it can do without: nothing in the seed can be changed any more. What runs on its other machines goes on. Nothing is torn down; restore the clusters elsewhere from their backups, and delete the seed.`,
      { whoMustAct: 'CLOUD_ADMIN', cause: error },
    );
  }
};

/** Names those that somebody has to start for etcd to have its majority again. */
const stopped = ({ name }: SeedMachine, others: readonly Followed[], error: Unavailable): Unavailable => {
  const down = others.flatMap(({ machine, server }) =>
    typeof server === 'object' && server.status !== 'ACTIVE' ? [`${machine.name} (${server.id}), of which Nova says ${server.status}`] : [],
  );
  if (down.length === 0) return new Unavailable(error.code, error.message, { ...error.detail, lookAgainMs: ANSWERS_LOOK_MS, cause: error });
  return new Unavailable(
    'SEED_UNAVAILABLE',
    `The seed does not answer, and the place of server ${name}, which is gone, cannot be taken without the other machines of its control plane: start ${down.join(' and ')} (openstack server start).`,
    { whoMustAct: 'CLOUD_ADMIN', lookAgainMs: ANSWERS_LOOK_MS, cause: error },
  );
};

const isGone = ({ server }: Followed): boolean => server === 'GONE' || server === 'NEVER_MADE';

const runs = ({ server }: Followed): boolean => typeof server === 'object' && server.status === 'ACTIVE';

const takeAnswer = async (scope: SeedScope, kind: SeedEtcdTask['kind']): Promise<TaskAnswer | 'running' | undefined> =>
  readJobAnswer((await scope.seed()).kube, { namespace: SEED_ETCD_NAMESPACE, name: seedEtcdTaskName(kind) });

const send = async (scope: SeedScope, task: Pick<SeedEtcdTask, 'kind' | 'nodeName' | 'words'>): Promise<void> => {
  const { kubernetesVersion } = madeOf(scope);
  const { imageRegistry, imageDigests } = scope.world.settings;
  const release = findRelease(kubernetesVersion) ?? getOfferedRelease(kubernetesVersion);
  await createOnce((await scope.seed()).kube, buildSeedEtcdTask({ ...task, imageRegistry, imageDigests, release }));
};

/** The port stays when its server goes, and its address with it; undefined: somebody has deleted it as well. */
const peerUrlOf = async (scope: SeedScope, { name }: SeedMachine): Promise<string | undefined> => {
  const portId = await presentId(scope.db, keyOf(scope, 'NETWORK', 'port', name));
  const port = portId === undefined ? undefined : await findUnlessGone(scope.cloud().network.getPort(portId));
  return port && `https://${port.fixedIps[0]?.address}:2380`;
};

const listed = z.looseObject({
  members: z.array(
    z.looseObject({ ID: z.union([z.string(), z.number()]), name: z.string().default(''), peerURLs: z.array(z.string()).default([]) }),
  ),
});

/**
 * Its id, in hexadecimal; undefined: it is none. kubeadm names a member as its node; one that has not started yet has no name, and only its address.
 * @throws Unavailable when etcd did not say.
 */
const memberOf = (answer: TaskAnswer, nodeName: string, peerUrl: string | undefined): string | undefined => {
  const read = listed.safeParse(jsonOf(answer.said.look));
  if (!read.success) throw new Unavailable('SEED_UNAVAILABLE', `etcd of the seed does not say who its members are: ${complaintOf(answer)}`);
  const { members } = read.data;
  const found =
    members.find(({ name }) => name === nodeName) ??
    members.find(({ name, peerURLs }) => name === '' && peerUrl !== undefined && peerURLs.includes(peerUrl));
  return found === undefined ? undefined : BigInt(found.ID).toString(16);
};
