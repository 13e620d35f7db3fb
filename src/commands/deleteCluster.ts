/** deleteCluster: marks a cluster and all below it for removal; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { DeletePolicy } from '../domain/deletePolicy.ts';
import { LONGEST_DEADLINE_S, SHORTEST_DEADLINE_S } from '../domain/deletionStage.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { requestDeletionOfNodeGroups } from '../store/nodeGroups.ts';
import { requestDeletionOfNodes } from '../store/nodes.ts';
import type { Tx } from '../store/open.ts';
import { findNewestOperation, supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNodeGroups, wakeNodes, wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { outcomeOf, recallClusterAnswer } from './clusterCommand.ts';
import { runOnce } from './idempotent.ts';
import { given, nameOrId, ownInput, parseInput, wholeNumber } from './parse.ts';
import { checkGeneration, getCluster, recallCluster } from './targets.ts';
import { refreshTrust } from './trust.ts';

const keepOrDelete = given(z.enum(['KEEP', 'DELETE']));
const schema = z.strictObject({
  clusterId: nameOrId,
  disableDeletionProtection: given(z.boolean()),
  abandonSeed: given(z.boolean()),
  policy: given(
    z.strictObject({
      volumes: keepOrDelete,
      loadBalancers: keepOrDelete,
      floatingIps: keepOrDelete,
      snapshots: keepOrDelete,
      backups: keepOrDelete,
      deadlineSeconds: given(wholeNumber(SHORTEST_DEADLINE_S, LONGEST_DEADLINE_S)),
    }),
  ),
});

export const deleteCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<ClusterAnswer, void>(deps, call, {
      mutation: 'deleteCluster',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getCluster(tx.db, call, input.clusterId);
        permit(call.actor, 'deleteCluster', row);
        if (input.policy?.loadBalancers === 'KEEP') checkNetworkStays(row);
        if (input.abandonSeed) await abandonSeed(deps, call, tx, row);
        const { cluster, operation } =
          (await underWay(deps, call, tx, row)) ?? (await write(deps, call, tx, row, input.disableDeletionProtection ?? false));
        if (input.policy != null) await setPolicy(deps, tx, row, input.policy);
        return outcomeOf({ cluster, operation });
      },
      recall: recallClusterAnswer(deps, call),
    });
  };

/** Also of a deletion that is under way: what waits for the word of a cluster that is silent goes on with the customer's. */
const setPolicy = async (
  deps: CommandDeps,
  tx: Tx,
  row: ClusterRow,
  policy: { [Field in keyof DeletePolicy]?: DeletePolicy[Field] | undefined },
): Promise<void> => {
  // What is left out stays as it was asked before.
  const before = row.deletePolicy;
  const deletePolicy: DeletePolicy = {
    volumes: policy.volumes ?? before?.volumes ?? null,
    loadBalancers: policy.loadBalancers ?? before?.loadBalancers ?? null,
    floatingIps: policy.floatingIps ?? before?.floatingIps ?? null,
    snapshots: policy.snapshots ?? before?.snapshots ?? null,
    backups: policy.backups ?? before?.backups ?? null,
    deadlineSeconds: policy.deadlineSeconds ?? before?.deadlineSeconds ?? null,
  };
  const now = deps.clock.now();
  await patchCluster(tx, row.id, { deletePolicy });
  await wakeNow(tx, 'CLUSTER', row.id, now);
  await wakeNodes(tx, { clusterId: row.id }, now, false);
};

/** A load balancer stands in a network, and one that Seedbed made goes with its cluster. */
const checkNetworkStays = ({ resolved, spec, name }: ClusterRow): void => {
  if (!(resolved?.ownNetwork ?? spec.fixedNetwork === null)) return;
  throw new UserError(
    'INVALID_INPUT',
    `policy.loadBalancers cannot be KEEP: the load balancers of cluster ${name} are in the network that Seedbed made for it, which goes with it. Leave it out; floatingIps: KEEP keeps their public addresses.`,
    { field: ['policy', 'loadBalancers'] },
  );
};

const abandonSeed = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow): Promise<void> => {
  permit(call.actor, 'abandonSeed', undefined, { field: ['abandonSeed'], whoMustAct: 'CLOUD_ADMIN' });
  await patchCluster(tx, row.id, { seedAbandoned: true });
  await wakeNow(tx, 'CLUSTER', row.id, deps.clock.now());
};

const underWay = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow) => {
  if (row.deleteRequestedAt === null) return null;
  const operation = await findNewestOperation(tx.db, row.id, 'DELETE_CLUSTER');
  if (operation === undefined) return null;
  await refreshTrust(tx, deps, call, row);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, unprotect: boolean) => {
  checkGeneration(call, row);
  if (row.deletionProtection && !unprotect)
    throw new Conflict(
      'DELETION_PROTECTED',
      `Cluster ${row.name} is protected against deletion; if you mean it, repeat with disableDeletionProtection: true.`,
      {
        field: ['disableDeletionProtection'],
      },
    );
  const now = deps.clock.now();
  const change = {
    deleteRequestedAt: now,
    state: 'DELETING' as const,
    deletionProtection: false,
    generation: row.generation + 1,
    updatedAt: now,
  };
  await patchCluster(tx, row.id, change);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'DELETE_CLUSTER', subject, change.generation);
  await supersedeOperations(tx, operation, { below: 'CLUSTER' }, now);
  await announce(tx, subject, operation, 'DELETING', `Cluster ${row.name} is being deleted, as ${call.actor.userName} asked.`, 'CHANGED');
  await refreshTrust(tx, deps, call, { ...row, ...change });
  await requestDeletionOfNodeGroups(tx, row.id, now);
  await requestDeletionOfNodes(tx, { clusterId: row.id }, now);
  await wakeNow(tx, 'CLUSTER', row.id, now);
  await wakeNodeGroups(tx, row.id, now, false);
  await wakeNodes(tx, { clusterId: row.id }, now, false);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};
