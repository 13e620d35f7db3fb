/** As many nodes as are wanted: this step only writes wishes, each node's own flow fulfils them. */
import { goesOnAt } from '../../../domain/autoUpgrade.ts';
import { errorOf, type Problem, UserError } from '../../../domain/errors.ts';
import { isMassFailure } from '../../../domain/healing.ts';
import { sayOpening } from '../../../domain/maintenance.ts';
import { freePortsOf, targetOf } from '../../../domain/nodeGroup.ts';
import {
  apiServerVersionOf,
  GROUPS_AT_ONCE,
  isOnlyBehind,
  isOutdated,
  isReplaced,
  joinVersionOf,
  nodeVersionOf,
  planRoll,
  rollsBefore,
} from '../../../domain/roll.ts';
import { isForWantOfRoom, type RollLimits, rollLimitsOf } from '../../../domain/upgradeStrategy.ts';
import { mayJoin } from '../../../domain/version.ts';
import { chooseVictims } from '../../../domain/victims.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { newId, randomToken } from '../../../lib/ids.ts';
import type { Tx } from '../../../store/open.ts';
import {
  changed,
  insertNodes,
  listLiveNodeGroups,
  listLiveNodesOfCluster,
  loadNodeGroup,
  type NodeRow,
  patchNodeGroup,
  requestNodeDeletion,
} from '../../../store/reconcile.ts';
import { listNodeTroubles } from '../../../store/troubles.ts';
import { enqueue } from '../../../store/workItems.ts';
import { removalFailure, waitingForParts } from '../../troubles.ts';
import { sortFreePorts } from '../ports.ts';
import type { NodeGroupScope } from '../scope.ts';
import { findRoom } from './quotas.ts';
import { serverGroup } from './serverGroup.ts';

export const nodes: Step<NodeGroupScope> = {
  name: 'NodesReady',
  title: 'Start the nodes',
  usuallyMs: 300_000,
  needs: [serverGroup],
  ensure: async (scope) => {
    const short = await findRoom(scope);
    const outcome = await ensureNodes(scope);
    if (short !== null) throw short;
    return outcome;
  },
  remove: async (scope) => {
    const staying = scope.nodes.filter((node) => node.deleteRequestedAt === null);
    if (staying.length > 0) await dropNodes(scope, staying);
    return scope.nodes.length === 0 ? done() : follow(scope, `${scope.nodes.length} nodes to be removed`);
  },
};

const ensureNodes = async (scope: NodeGroupScope): Promise<Outcome> => {
  const staying = scope.nodes.filter((node) => node.deleteRequestedAt === null);
  const leaving = scope.nodes.length - staying.length;
  const outdated = staying.filter((node) => isOld(scope, node));
  const rolled = outdated.filter((node) => node.replaceRequestedAt === null);
  // One that has never joined has nothing to lose: what it was made with may be why.
  const unborn = rolled.filter((node) => node.kubeletVersion === null);
  if (unborn.length > 0) {
    await dropNodes(scope, unborn);
    return follow(scope, `${unborn.length} nodes to be made anew, as the group is now`);
  }
  // Outside the window they stay, as if the group still said what they are.
  const goesOn = rollsOnAt(scope, scope.row, rolled);
  const old = goesOn === null ? outdated : outdated.filter((node) => node.replaceRequestedAt !== null);
  // One that does not work serves nobody until another is there. When many do not, it is hardly the fault of each: they go as those that work.
  const ill = staying.filter((node) => node.state !== 'READY').length;
  const broken = old.filter((node) => node.replaceRequestedAt !== null && node.state !== 'READY');
  if (broken.length > 0 && leaving === 0 && !isMassFailure(ill, staying.length, scope.cluster.spec.healing)) {
    await dropNodes(scope, chooseVictims(broken, 1, scope.row.nodesToRemove));
    return waiting(`${broken.length} nodes to be replaced`, 30_000);
  }
  const fresh = staying.filter((node) => !old.includes(node));
  // One that works no more must not keep an old one from its end: its own replacement comes after that. But one that a roll has made and
  // that fails holds it up: the next would fail as well, until none of the old is left.
  const rolling = rolled.length > 0 && goesOn === null;
  const lost = (node: NodeRow) => old.length > 0 && !rolling && node.trouble !== null && node.kubeletVersion !== null;
  const late = fresh.filter((node) => node.state !== 'READY' && !lost(node));
  const wanted = targetOf(scope.row);
  const { free, spare } = await findPorts(scope, old.length > 0 || wanted > staying.length, leaving > 0);
  // What is wrong with an old one ends with it.
  const problem = fresh.find((node) => node.state === 'FAILED')?.fault?.problem;
  const noRoom = rolling && staying.length > wanted && problem != null && isForWantOfRoom(problem) ? problem : undefined;
  if (noRoom !== undefined) await renounceSurge(scope, noRoom, wanted);
  // A node that somebody asked to be replaced is not made to wait for rolls elsewhere.
  const ahead = rolling && rolled.length === old.length ? await groupsAhead(scope) : [];
  const holds = ahead.length >= GROUPS_AT_ONCE;
  const may = limitsOf(scope, wanted, scope.nodes.length - wanted, spare);
  // What it has begun it ends.
  const limits = holds ? { surge: Math.min(may.surge, Math.max(0, staying.length - wanted)), unavailable: 0 } : may;
  const count = { wanted, old: old.length, fresh: fresh.length, late: late.length, leaving };
  const { surplus, made, dropped } = planRoll(count, limits);
  if (surplus > 0) {
    await dropNodes(scope, chooseVictims(staying, surplus, scope.row.nodesToRemove, outdated));
    return waiting(`${surplus} surplus nodes`, 30_000);
  }
  if (made > 0 && !(rolling && problem !== undefined)) {
    if (free?.length === 0) return follow(scope, `one of the group's existingPorts to be free, for ${made} new nodes`);
    const unfit = unfitVersion(scope);
    if (unfit !== null) return unfit;
    await addNodes(scope, Math.min(made, free?.length ?? made), free);
    return waiting(`${made} new nodes`, 30_000);
  }
  if (noRoom !== undefined) throw errorOf({ ...noRoom, message: `${noRoom.message} ${GO_FIRST}` });
  if (problem != null) throw errorOf(problem);
  const failing = rolling ? late.find((node) => node.trouble !== null) : undefined;
  if (failing !== undefined) return stopped(failing, progressOf(scope, rolled, wanted));
  if (dropped > 0) {
    // Nobody goes for a successor that could not join yet.
    const unfit = rolling ? unfitVersion(scope) : null;
    if (unfit !== null) return unfit;
    await dropNodes(scope, chooseVictims(old, dropped, scope.row.nodesToRemove));
    return waiting(rolling ? progressOf(scope, rolled, wanted) : `${old.length} nodes to be replaced`, 30_000);
  }
  if (holds) return waiting(`${turnOf(ahead)}; ${progressOf(scope, rolled, wanted)}`, 5_000, 'NOBODY', 'RollWaits');
  if (rolling) return follow(scope, progressOf(scope, rolled, wanted));
  if (old.length > 0) return follow(scope, `${old.length} nodes to be replaced, once ${late.length + leaving} others have come or gone`);
  if (late.length + leaving > 0) return follow(scope, `${late.length + leaving} of ${scope.nodes.length} nodes`);
  await forgetRefusal(scope);
  if (scope.row.nodesToRemove.length > 0) await forgetNamed(scope);
  if (goesOn !== null) return done(`${progressOf(scope, rolled, wanted)}, in ${sayOpening(goesOn)}`);
  return done(atRest(scope, staying.length));
};

/** When nodes may be replaced that an upgrade by itself has made old, and nothing that somebody asked for; null: now. */
const rollsOnAt = ({ cluster, clock }: NodeGroupScope, group: NodeGroupScope['row'], rolled: readonly NodeRow[]): number | null =>
  rolled.length > 0 && rolled.every((node) => node.createdAt >= (cluster.nodesSince ?? 0) && isOnlyBehind(node, group, cluster))
    ? goesOnAt(cluster, clock.now())
    : null;

/** Names of the cluster's other groups whose nodes are replaced before this one's. */
const groupsAhead = async (scope: NodeGroupScope): Promise<string[]> => {
  const { db, row, cluster } = scope;
  const before = (await listLiveNodeGroups(db, cluster.id)).filter(
    (other) => other.id !== row.id && other.deleteRequestedAt === null && rollsBefore(other, row),
  );
  if (before.length < GROUPS_AT_ONCE) return [];
  const nodes = await listLiveNodesOfCluster(db, cluster.id);
  const rolls = (group: NodeGroupScope['row']) => {
    const rolled = nodes.filter(
      (node) =>
        node.nodeGroupId === group.id &&
        node.replaceRequestedAt === null &&
        (node.createdAt < (cluster.nodesSince ?? 0) || isOutdated(node, group, cluster)),
    );
    return rolled.length > 0 && rollsOnAt(scope, group, rolled) === null;
  };
  return before.filter(rolls).map(({ name }) => name);
};

const turnOf = (ahead: readonly string[]): string =>
  `the nodes of groups ${[...ahead].sort().join(', ')} to be replaced first, as at most ${GROUPS_AT_ONCE} groups of a cluster are rolled at a time`;

/** Another takes its place: somebody asked for that, or it is not what the group says any more. */
export const isOld = ({ row, cluster }: NodeGroupScope, node: NodeRow): boolean => isReplaced(node, row, cluster);

/**
 * As the group's strategy says. Where each node has a port of the customer's and none is free that serves, an old one goes before
 * its successor comes. `more`: nodes beyond those wanted, which have taken spare ports already. `spare`: null: they need none.
 */
const limitsOf = ({ row }: NodeGroupScope, wanted: number, more: number, spare: number | null): RollLimits => {
  const limits = rollLimitsOf(row.spec.upgradeStrategy, wanted);
  if (refusalOf(row) !== null) return { surge: 0, unavailable: Math.max(1, limits.unavailable) };
  const surge = spare === null ? limits.surge : Math.min(limits.surge, Math.max(0, more) + spare);
  return { surge, unavailable: surge === 0 ? Math.max(1, limits.unavailable) : limits.unavailable };
};

const GO_FIRST = 'Or let an old node go before another takes its place: give the group a maxUnavailable (updateNodeGroup).';

/** Why nothing is made beyond what is wanted; null: it may be. Another change of the group may be about just that. */
const refusalOf = ({ resolved, generation }: NodeGroupScope['row']): string | null =>
  resolved?.surgeRefused?.generation === generation ? resolved.surgeRefused.message : null;

/** Where nodes may be missing, the roll goes on without what there is no room for; kept, or the next pass would ask for it once more. */
const renounceSurge = async ({ row, patch }: NodeGroupScope, { message }: Problem, wanted: number): Promise<void> => {
  if (row.resolved === null || rollLimitsOf(row.spec.upgradeStrategy, wanted).unavailable === 0) return;
  await patch({ resolved: { ...row.resolved, surgeRefused: { generation: row.generation, message } } });
};

const forgetRefusal = async ({ row, patch }: NodeGroupScope): Promise<void> => {
  if (row.resolved?.surgeRefused === undefined) return;
  const { surgeRefused: _, ...resolved } = row.resolved;
  await patch({ resolved });
};

/** Those that were named to go have gone. */
const forgetNamed = (scope: NodeGroupScope): Promise<void> =>
  scope.write(async (tx) => {
    if (!(await isOvertaken(tx, scope))) await patchNodeGroup(tx, scope.row.id, { nodesToRemove: [] });
  });

/** Such as "2 of 5 nodes run v1.36.3"; of another change it is told how many it has reached. `rolled`: those that it has not. */
const progressOf = ({ row, cluster, nodes }: NodeGroupScope, rolled: readonly NodeRow[], wanted: number): string => {
  const version = nodeVersionOf(row, cluster);
  const renewed = nodes.filter((node) => node.deleteRequestedAt === null && node.state === 'READY' && !rolled.includes(node)).length;
  const what = rolled.some((node) => node.kubernetesVersion !== version) ? `run ${version}` : 'are as the group is now';
  const refusal = refusalOf(row);
  const without = refusal === null ? '' : `; old ones go first, for there is no room for more: ${refusal}`;
  return `${rolled.length} nodes to be replaced: ${renewed} of ${wanted} nodes ${what}${without}`;
};

/** A mistake takes one node and not all: what the group has still serves. */
const stopped = ({ name, trouble }: NodeRow, progress: string): Outcome =>
  waiting(
    `new node ${name} to be well before others are replaced: it ${trouble?.message}. Look at the group's image, flavor and settings, or change them back; ${progress}`,
    30_000,
    'CUSTOMER',
    'RollStopped',
  );

/** What new nodes cannot be made for; null: their kubelets may talk to the API servers that run. */
const unfitVersion = ({ row, cluster }: NodeGroupScope): Outcome | null => {
  const version = nodeVersionOf(row, cluster);
  const running = apiServerVersionOf(cluster);
  if (mayJoin(version, running)) return null;
  const fromImage = version !== joinVersionOf(row, cluster);
  if (mayJoin(version, cluster.spec.kubernetesVersion))
    return waiting(
      `the control plane to run ${cluster.spec.kubernetesVersion}, before nodes with ${version} can join`,
      15_000,
      'NOBODY',
      'VersionSkew',
    );
  throw new UserError(
    'UNSUPPORTED_VERSION',
    `New nodes of group ${row.name} would have a kubelet of ${version}${fromImage ? `, as its image ${row.spec.image} says` : ''}, which may be at most three minor releases older than the control plane's ${running} and no newer; give the group another ${fromImage ? 'image' : 'version'} (updateNodeGroup).`,
    { field: [fromImage ? 'image' : 'kubernetesVersion'] },
  );
};

/** What an image holds back is told: its nodes are as it is, whatever the cluster has been upgraded to. */
const atRest = ({ row, cluster }: NodeGroupScope, count: number): string => {
  const [version, wanted] = [nodeVersionOf(row, cluster), joinVersionOf(row, cluster)];
  return version === wanted
    ? `${count} nodes`
    : `${count} nodes; they run ${version}, as image ${row.spec.image} says, and not ${wanted}: give the group an image that has it, or the same name once more if that is another by now (updateNodeGroup).`;
};

interface Ports {
  /** For new workers, the better first; null: they need none. */
  free: string[] | null;
  /** How many of them serve; null: they need none. */
  spare: number | null;
}

/**
 * Ports of the customer's for new workers. One that is gone or in use is given to nobody while another serves, or comes back from a worker
 * that leaves: each successor would fail on it, and hold up the whole group. With no other left a worker has it, and tells what is wrong.
 */
const findPorts = async (scope: NodeGroupScope, needed: boolean, leaving: boolean): Promise<Ports> => {
  const all = freePortsOf(scope.row.spec, scope.nodes);
  if (all === null || !needed) return { free: all, spare: null };
  const { fit, unfit } = await sortFreePorts(scope, all);
  return { free: leaving ? fit : [...fit, ...unfit], spare: fit.length };
};

const follow = async (scope: NodeGroupScope, what: string): Promise<Outcome> => {
  const troubles = await listNodeTroubles(scope.db, scope.row.id);
  const failure = removalFailure('node', troubles);
  if (failure !== null) throw failure;
  return waitingForParts(what, 'node', troubles);
};

const addNodes = async (scope: NodeGroupScope, count: number, ports: readonly string[] | null): Promise<void> => {
  const now = scope.clock.now();
  const rows = Array.from({ length: count }, (_, i) => ({
    id: newId(),
    clusterId: scope.cluster.id,
    nodeGroupId: scope.row.id,
    name: `${scope.cluster.shortId}-${scope.row.name}-${randomToken(5)}`,
    state: 'PENDING' as const,
    existingPortId: ports?.[i] ?? null,
    createdAt: now,
    updatedAt: now,
  }));
  await scope.write(async (tx) => {
    if (await isOvertaken(tx, scope)) return;
    await insertNodes(tx, rows);
    for (const row of rows) {
      await enqueue(tx, 'NODE', row.id, now);
      tx.changes.push(changed('NODE', row, scope.cluster.id, scope.cluster.projectId, 'CREATED'));
    }
  });
};

const dropNodes = async (scope: NodeGroupScope, victims: readonly NodeRow[]): Promise<void> => {
  const now = scope.clock.now();
  await scope.write(async (tx) => {
    if (await isOvertaken(tx, scope)) return;
    await requestNodeDeletion(
      tx,
      victims.map((node) => node.id),
      now,
    );
    for (const node of victims) {
      await enqueue(tx, 'NODE', node.id, now);
      tx.changes.push(changed('NODE', node, scope.cluster.id, scope.cluster.projectId));
    }
  });
};

/** What was asked for since this pass began, and what it did to the nodes, has a pass of its own to come. */
const isOvertaken = async (tx: Tx, { row }: NodeGroupScope): Promise<boolean> =>
  (await loadNodeGroup(tx.db, row.id))?.generation !== row.generation;
