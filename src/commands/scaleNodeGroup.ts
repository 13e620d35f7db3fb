/** What the cluster-autoscaler may do: more workers of a group, fewer that are not there yet, and away with those that it names. */
import { type Actor, NO_RIGHTS } from '../domain/actor.ts';
import { Conflict, NotFound, UserError } from '../domain/errors.ts';
import { isHibernating } from '../domain/hibernation.ts';
import { isScalable } from '../domain/nodeGroup.ts';
import { openstackRequestId } from '../lib/ids.ts';
import { fingerprint } from '../lib/json.ts';
import { appendAudit } from '../store/auditLog.ts';
import { findGroupNode, type NodeKey } from '../store/nodes.ts';
import type { Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import {
  type ClusterRow,
  changed,
  listLiveNodeGroups,
  listLiveNodes,
  loadCluster,
  loadNodeGroup,
  type NodeGroupRow,
  type NodeRow,
  patchNodeGroup,
  requestNodeDeletion,
} from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { enqueue } from '../store/workItems.ts';
import { announce, newOperation, nodeGroupSubject, showOnCluster } from './announce.ts';
import { auditEntryOf } from './audited.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkRoom } from './checks.ts';
import { checkCount } from './nodeGroupInput.ts';
import { checkGroupRoom, checkGrowth, vcpusOf } from './quotaChecks.ts';
import { checkNotDeleting } from './targets.ts';

/** More than an autoscaler ever names in a call. */
const MOST_NAMED = 1_000;

/** Throw NotFound, Conflict or UserError; each is one transaction. */
export interface Scaling {
  increase(clusterId: string, groupId: string, delta: number): Promise<void>;
  /** Gives up workers that have no server yet; never one that has. */
  decrease(clusterId: string, groupId: string, delta: number): Promise<void>;
  /** All or none. Those that are on their way out, or gone, are no error and do not count: a call may be repeated. */
  removeNodes(clusterId: string, groupId: string, nodes: readonly NodeKey[]): Promise<void>;
}

interface Target {
  cluster: ClusterRow;
  group: NodeGroupRow;
  staying: NodeRow[];
}

interface Change {
  count: number;
  victims: NodeRow[];
}

export const createScaling = (deps: CommandDeps): Scaling => {
  const scale = (
    action: string,
    clusterId: string,
    groupId: string,
    input: object,
    decide: (tx: Tx, target: Target) => Promise<Change | null>,
  ): Promise<void> =>
    deps.store.transaction(async (tx) => {
      const target = await getTarget(tx, clusterId, groupId);
      const change = await decide(tx, target);
      if (change === null) return;
      const call = callOf(deps, target.cluster);
      const operationId = await write(deps, call, tx, target, change);
      await appendAudit(
        tx,
        auditEntryOf(call, {
          at: deps.clock.now(),
          action,
          projectId: target.cluster.projectId,
          target: { kind: 'NODE_GROUP', id: groupId },
          inputHash: fingerprint(input),
          outcome: 'ACCEPTED',
          operationId,
          errorCode: null,
        }),
      );
    });

  return {
    increase: (clusterId, groupId, delta) =>
      scale('increaseNodeGroup', clusterId, groupId, { groupId, delta }, async (tx, { cluster, group }) => {
        checkDelta(delta, 1);
        const count = group.spec.count + delta;
        checkCount({ ...group.spec, minCount: 0 }, count, ['delta']);
        const others = (await listLiveNodeGroups(tx.db, cluster.id)).filter(({ id }) => id !== groupId);
        checkRoom(
          cluster.spec,
          others.reduce((sum, { spec }) => sum + spec.count, count),
          () => ['delta'],
        );
        const owner = { projectId: cluster.projectId, userId: '' };
        await checkGroupRoom(deps, tx, owner, group, { count, vcpus: vcpusOf(deps, owner, group) }, ['delta']);
        await checkGrowth(deps, tx, owner, group, count, ['delta']);
        return { count, victims: [] };
      }),
    decrease: (clusterId, groupId, delta) =>
      scale('decreaseNodeGroup', clusterId, groupId, { groupId, delta }, async (_tx, { group, staying }) => {
        checkDelta(delta, -1);
        const count = group.spec.count + delta;
        checkLeast(group, count, ['delta']);
        const servers = staying.filter(({ serverId }) => serverId !== null).length;
        if (count < servers)
          throw new Conflict('CONFLICT', `The group has ${servers} servers; name those that are to go, and the count falls with them.`, {
            field: ['delta'],
          });
        return { count, victims: newestWithoutServer(staying, staying.length - count) };
      }),
    removeNodes: (clusterId, groupId, keys) =>
      scale('removeNodesOfNodeGroup', clusterId, groupId, { groupId, keys }, async (tx, { group, staying }) => {
        if (keys.length > MOST_NAMED)
          throw new UserError('INVALID_INPUT', `At most ${MOST_NAMED} nodes are taken away at once; name the rest in another call.`, {
            field: ['nodes'],
          });
        const named = new Set<string>();
        for (const key of keys) {
          const node = await findGroupNode(tx.db, groupId, key);
          if (node === undefined) throw new NotFound(`Node ${JSON.stringify(Object.values(key)[0])} in group ${group.name}`);
          named.add(node.id);
        }
        const victims = staying.filter(({ id }) => named.has(id));
        if (victims.length === 0) return null;
        const count = Math.max(0, group.spec.count - victims.length);
        checkLeast(group, count, ['nodes']);
        return { count, victims };
      }),
  };
};

/** @throws NotFound for a group of another cluster as for none. */
const getTarget = async (tx: Tx, clusterId: string, groupId: string): Promise<Target> => {
  const cluster = await loadCluster(tx.db, clusterId);
  const group = await loadNodeGroup(tx.db, groupId);
  if (cluster === undefined || group === undefined || group.clusterId !== clusterId || group.deletedAt !== null || !isScalable(group))
    throw new NotFound('This node group');
  checkNotDeleting(cluster);
  // Or the count that is to be there again would follow the pods that find no worker meanwhile.
  if (isHibernating(cluster))
    throw new Conflict('CONFLICT', `Cluster ${cluster.name} is hibernated; nothing of it is scaled until it wakes.`);
  const staying = (await listLiveNodes(tx.db, groupId)).filter((node) => node.deleteRequestedAt === null);
  return { cluster, group, staying };
};

/** A group above a maximum that was lowered may shrink towards it. */
const checkLeast = ({ spec }: NodeGroupRow, count: number, field: string[]): void =>
  checkCount({ ...spec, maxCount: null }, Math.max(0, count), field);

const checkDelta = (delta: number, sign: 1 | -1): void => {
  if (!Number.isInteger(delta) || delta * sign <= 0)
    throw new UserError('INVALID_INPUT', `The difference must be a whole number ${sign > 0 ? 'above' : 'below'} 0.`, { field: ['delta'] });
};

const newestWithoutServer = (staying: readonly NodeRow[], count: number): NodeRow[] =>
  staying
    .filter(({ serverId }) => serverId === null)
    .toSorted((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1))
    .slice(0, Math.max(0, count));

/** It acts in the cluster's own project, and has no token that it could lend. */
const callOf = (deps: CommandDeps, cluster: ClusterRow): Call => {
  const name = 'cluster-autoscaler';
  const actor: Actor = {
    userId: name,
    userName: name,
    userDomainName: '',
    projectId: cluster.projectId,
    projectName: null,
    roles: [],
    isCloudAdmin: false,
    rights: NO_RIGHTS,
    tokenKind: 'OTHER',
    credentialId: null,
    reach: null,
    isRulesKept: true,
    expiresAt: 0,
  };
  const requestId = deps.newId();
  return { actor, requestId, openstackRequestId: openstackRequestId(requestId), token: '' };
};

/** The operation's id. The nodes are marked here and not chosen later: it is these that were named, whatever else happens to the group. */
const write = async (deps: CommandDeps, call: Call, tx: Tx, { cluster, group }: Target, { count, victims }: Change): Promise<string> => {
  const now = deps.clock.now();
  const generation = group.generation + 1;
  await patchNodeGroup(tx, group.id, {
    spec: { ...group.spec, count },
    generation,
    updatedAt: now,
    ...(group.state === 'READY' && { state: 'UPDATING' }),
  });
  await requestNodeDeletion(
    tx,
    victims.map(({ id }) => id),
    now,
  );
  for (const node of victims) {
    await enqueue(tx, 'NODE', node.id, now);
    tx.changes.push(changed('NODE', node, cluster.id, cluster.projectId));
  }
  const subject = nodeGroupSubject(group, cluster);
  const operation = newOperation(deps, call, 'RESIZE_NODE_GROUP', subject, generation);
  await supersedeOperations(tx, operation, { kinds: ['RESIZE_NODE_GROUP'] }, now);
  const gone = victims.length === 0 ? '' : ` without ${victims.map(({ name }) => name).join(', ')}`;
  const sentence = `Node group ${group.name} goes from ${group.spec.count} to ${count} nodes${gone}, as the ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, 'UPDATING', sentence, 'CHANGED');
  await wakeNow(tx, 'NODE_GROUP', group.id, now);
  await showOnCluster(tx, cluster, operation);
  return operation.id;
};
