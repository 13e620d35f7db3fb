/** What updateCluster would change, restart and take away. */
import { isBalanced, LOAD_BALANCER } from '../domain/demand.ts';
import { isHibernating } from '../domain/hibernation.ts';
import type { PlannedChange } from '../domain/plan.ts';
import { balancersBetween, credentialObjects, hasControllers, workloadsBetween } from '../domain/plannedObjects.ts';
import { settingAt, settingsOf } from '../domain/template.ts';
import { stableJson } from '../lib/json.ts';
import { listInventory } from '../store/inventory.ts';
import { type ClusterRow, listLiveNodesOfCluster, loadSeed } from '../store/reconcile.ts';
import type { CommandDeps } from './call.ts';
import { checkMayChange } from './clusterCommand.ts';
import { add, planCommand, type Sketch } from './planFrame.ts';
import { replicasDemand } from './quotaChecks.ts';
import { getCluster } from './targets.ts';
import { checkUpdate, mayChange, parseUpdate, readUpdate } from './updateCluster.ts';

export const planUpdateCluster = planCommand('UPDATE_CLUSTER', async (deps, call, raw, sketch) => {
  const input = parseUpdate(raw);
  const row = await getCluster(deps.store.db, call, input.clusterId);
  sketch.about(row);
  sketch.permit(() => checkMayChange(call, 'updateCluster', row));
  const asked = await readUpdate(deps, deps.store, row, input);
  sketch.plan.changes.push(
    ...settingsOf(asked.read.fields)
      .map(([path, to]): PlannedChange => ({ path, from: settingAt(row.spec, path) ?? null, to, possible: mayChange(path) }))
      .filter(({ from, to }) => stableJson(from) !== stableJson(to)),
    ...protectionChange(row, input.deletionProtection),
  );
  const spec = await sketch.check(() => checkUpdate(deps, call, deps.store, row, asked));
  if (spec === undefined) return;
  await planSpec(deps, row, spec, sketch);
  await sketch.need({
    own: replicasDemand(row.spec, spec),
    cloud: isBalanced(spec) && !isBalanced(row.spec) ? LOAD_BALANCER : {},
  });
});

const protectionChange = ({ deletionProtection }: ClusterRow, wanted: boolean | undefined): PlannedChange[] =>
  wanted === undefined || wanted === deletionProtection
    ? []
    : [{ path: 'deletionProtection', from: deletionProtection, to: wanted, possible: true }];

const planSpec = async (deps: CommandDeps, row: ClusterRow, spec: ClusterRow['spec'], { plan }: Sketch): Promise<void> => {
  if (hasControllers(spec) && !hasControllers(row.spec) && row.trust !== null && !(await hasCredential(deps, row)))
    add(plan, { creates: credentialObjects() });
  add(plan, balancersBetween(row.spec, spec));
  await planPods(deps, row, { before: row.spec, after: spec }, plan);
  if (stableJson(row.spec.bundles) !== stableJson(spec.bundles)) plan.warnings.push(BUNDLES);
};

const BUNDLES = 'What the objects of addon bundles make, change and restart is not counted here.';

const hasCredential = async ({ store }: CommandDeps, { id }: ClusterRow): Promise<boolean> =>
  (await listInventory(store.db, id)).some(({ kind, state }) => kind === 'application-credential' && state !== 'GONE');

/** What becomes of the pods of a cluster by other settings, or another version. */
export const planPods = async (
  deps: CommandDeps,
  row: ClusterRow,
  { before, after }: { before: ClusterRow['spec']; after: ClusterRow['spec'] },
  plan: Sketch['plan'],
): Promise<void> => {
  const { db } = deps.store;
  if (isHibernating(row)) return;
  const seed = row.seedId === null ? null : ((await loadSeed(db, row.seedId)) ?? null);
  const workers = (await listLiveNodesOfCluster(db, row.id)).filter(({ deleteRequestedAt }) => deleteRequestedAt === null).length;
  const [was, is] = [before, after].map((spec) => deps.workloadsOf({ ...row, spec }, seed));
  add(plan, workloadsBetween(was ?? [], is ?? [], workers));
  if (row.observedGeneration === 0) plan.warnings.push(NOT_READY);
};

const NOT_READY = 'The cluster has not been READY yet: of what would restart, some may not have started.';
