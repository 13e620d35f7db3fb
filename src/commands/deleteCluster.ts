/** deleteCluster: marks a cluster and all below it for removal; asking twice answers the removal that is under way. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { DeletePolicy } from '../domain/deletePolicy.ts';
import { LONGEST_DEADLINE_S, SHORTEST_DEADLINE_S } from '../domain/deletionStage.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { requestDeletionOfNodeGroups } from '../store/nodeGroups.ts';
import { requestDeletionOfNodes } from '../store/nodes.ts';
import type { Looking, Tx } from '../store/open.ts';
import { findNewestOperation, supersedeOperations } from '../store/operations.ts';
import type { OperationRow } from '../store/progress.ts';
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
export const deleteInput = z.strictObject({
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
    const input = parseInput(deleteInput, ownInput(raw));
    return runOnce<ClusterAnswer, void>(deps, call, {
      mutation: 'deleteCluster',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const row = await getCluster(tx.db, call, input.clusterId);
        const before = await findUnderWay(tx, row);
        for (const check of deletionChecks(call, row, input, before)) check();
        if (input.abandonSeed) await abandonSeed(deps, tx, row);
        const { cluster, operation } = before === undefined ? await write(deps, call, tx, row) : await goOn(deps, call, tx, row, before);
        if (input.policy != null) await setPolicy(deps, tx, row, input.policy);
        return outcomeOf({ cluster, operation });
      },
      recall: recallClusterAnswer(deps, call),
    });
  };

type GivenPolicy = { [Field in keyof DeletePolicy]?: DeletePolicy[Field] | undefined };

/** What is left out stays as it was asked before. */
export const policyAfter = ({ deletePolicy: before }: ClusterRow, policy: GivenPolicy): DeletePolicy => ({
  volumes: policy.volumes ?? before?.volumes ?? null,
  loadBalancers: policy.loadBalancers ?? before?.loadBalancers ?? null,
  floatingIps: policy.floatingIps ?? before?.floatingIps ?? null,
  snapshots: policy.snapshots ?? before?.snapshots ?? null,
  backups: policy.backups ?? before?.backups ?? null,
  deadlineSeconds: policy.deadlineSeconds ?? before?.deadlineSeconds ?? null,
});

/** Also of a deletion that is under way: what waits for the word of a cluster that is silent goes on with the customer's. */
const setPolicy = async (deps: CommandDeps, tx: Tx, row: ClusterRow, policy: GivenPolicy): Promise<void> => {
  const now = deps.clock.now();
  await patchCluster(tx, row.id, { deletePolicy: policyAfter(row, policy) });
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

const abandonSeed = async (deps: CommandDeps, tx: Tx, row: ClusterRow): Promise<void> => {
  await patchCluster(tx, row.id, { seedAbandoned: true });
  await wakeNow(tx, 'CLUSTER', row.id, deps.clock.now());
};

/** The deletion that is asked for already, if one is. */
export const findUnderWay = async ({ db }: Looking, row: ClusterRow): Promise<OperationRow | undefined> =>
  row.deleteRequestedAt === null ? undefined : findNewestOperation(db, row.id, 'DELETE_CLUSTER');

const goOn = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, operation: OperationRow) => {
  await refreshTrust(tx, deps, call, row);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};

/** In this order; each throws UserError or Conflict. What is being deleted already needs no leave any more. */
export const deletionChecks = (
  call: Call,
  row: ClusterRow,
  { policy, abandonSeed: abandons, disableDeletionProtection: unprotect }: z.output<typeof deleteInput>,
  underWay: OperationRow | undefined,
): (() => void)[] => [
  () => permit(call.actor, 'deleteCluster', row),
  () => {
    if (policy?.loadBalancers === 'KEEP') checkNetworkStays(row);
  },
  () => {
    if (abandons) permit(call.actor, 'abandonSeed', undefined, { field: ['abandonSeed'], whoMustAct: 'CLOUD_ADMIN' });
  },
  () => {
    if (underWay !== undefined) return;
    checkGeneration(call, row);
    if (row.deletionProtection && !unprotect)
      throw new Conflict(
        'DELETION_PROTECTED',
        `Cluster ${row.name} is protected against deletion; if you mean it, repeat with disableDeletionProtection: true.`,
        {
          field: ['disableDeletionProtection'],
        },
      );
  },
];

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow) => {
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
