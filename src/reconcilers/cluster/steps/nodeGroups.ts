/** The cluster's node groups, each with a flow of its own: this step only watches them. */
import { goesOnAt } from '../../../domain/autoUpgrade.ts';
import { errorOf } from '../../../domain/errors.ts';
import { sayOpening } from '../../../domain/maintenance.ts';
import { isUpgrading } from '../../../domain/upgrade.ts';
import { listLate } from '../../../domain/upgradeCheck.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { loadConditions } from '../../../store/progress.ts';
import { listLiveNodesOfCluster, type NodeGroupRow } from '../../../store/reconcile.ts';
import { listNodeGroupTroubles } from '../../../store/troubles.ts';
import { wakeNodeGroups, wakeNodes } from '../../../store/wake.ts';
import { removalFailure, waitingForParts } from '../../troubles.ts';
import { gaveUp, untilDeadline } from '../deletionStage.ts';
import { renewRight } from '../right.ts';
import type { ClusterScope } from '../scope.ts';
import { network } from './network.ts';
import { router } from './router.ts';
import { securityGroup } from './securityGroup.ts';

export const nodeGroups: Step<ClusterScope> = {
  name: 'NodeGroupsReady',
  title: 'Start the nodes',
  usuallyMs: 300_000,
  needs: [network, router, securityGroup],
  ensure: async (scope) => {
    for (const group of scope.groups) {
      const problem = group.state === 'FAILED' || group.state === 'DEGRADED' ? await problemOfGroup(scope, group) : null;
      if (problem !== null) throw errorOf(problem);
    }
    // Not by `needs`, which would have them removed after the steps that the version waits for.
    if (scope.row.upgrade?.backupId !== undefined) return waiting('the backup that the upgrade begins with', 2_000);
    if (isUpgrading(scope.row)) return waiting(`the control plane to run ${scope.row.spec.kubernetesVersion}`, 2_000);
    const late = scope.groups.filter((g) => g.state !== 'READY' || g.observedGeneration < g.generation || g.deleteRequestedAt !== null);
    return late.length === 0 ? done(await sayLeft(scope)) : follow(scope, `node group ${late.map((g) => g.name).join(', ')}`);
  },
  // The delete command has marked them; their own flows remove them and wake this one.
  remove: async (scope) => {
    const { row, groups } = scope;
    const before = gaveUp(row, 'NODES');
    const outcome = await untilDeadline(scope, { stage: 'NODES', work: () => removeNodes(scope) });
    if (groups.length === 0 || gaveUp(row, 'NODES') === undefined) return outcome;
    // Each ends by its own flow, which leaves what does not go.
    if (before === undefined) await wakeAll(scope);
    return waiting('the nodes to end without what cannot be removed', 2_000);
  },
};

/** Nodes that an upgrade by itself has not reached in its window serve on until the next one. */
const sayLeft = async ({ row, groups, db, clock }: ClusterScope): Promise<string | undefined> => {
  const from = goesOnAt(row, clock.now());
  if (from === null) return undefined;
  const facts = { cluster: row, groups, nodes: await listLiveNodesOfCluster(db, row.id), catalogue: null };
  const late = listLate(facts, row.spec.kubernetesVersion);
  const names = groups.filter(({ id }) => late.includes(id)).map(({ name }) => name);
  return names.length === 0
    ? undefined
    : `Nodes of group ${names.join(', ')} come to ${row.spec.kubernetesVersion} in ${sayOpening(from)}.`;
};

const removeNodes = async (scope: ClusterScope): Promise<Outcome> => {
  // Of all that is removed from the cloud the nodes are the first, so this is where a removal sees whether it has the right to.
  await renewRight(scope);
  return scope.groups.length === 0 ? done() : follow(scope, 'the nodes to be removed');
};

const wakeAll = ({ write, row, clock }: ClusterScope): Promise<void> =>
  write(async (tx) => {
    await wakeNodeGroups(tx, row.id, clock.now(), false);
    await wakeNodes(tx, { clusterId: row.id }, clock.now(), false);
  });

const follow = async (scope: ClusterScope, what: string): Promise<Outcome> => {
  const troubles = await listNodeGroupTroubles(scope.db, scope.row.id);
  const failure = removalFailure('node group', troubles);
  if (failure !== null) throw failure;
  return waitingForParts(what, 'node group', troubles);
};

const problemOfGroup = async (scope: ClusterScope, group: NodeGroupRow) => {
  const conditions = [...(await loadConditions(scope.db, group.id)).values()];
  return conditions.find((c) => c.state === 'FAILED' && c.problem !== null)?.problem ?? null;
};
