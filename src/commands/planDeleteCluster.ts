/** What deleteCluster would take away, by what is noted of the cluster. */
import { isWanted } from '../domain/addons.ts';
import type { DeletePolicy } from '../domain/deletePolicy.ts';
import { isBalanced } from '../domain/demand.ts';
import { isHibernating } from '../domain/hibernation.ts';
import type { PlannedObject } from '../domain/plan.ts';
import { backupObjects, balancerObjects, endpointObjects, notedObjects, workloadObjects } from '../domain/plannedObjects.ts';
import { listLiveBackups } from '../store/backups.ts';
import { listClusterInventory } from '../store/inventory.ts';
import { type ClusterRow, listLiveNodeGroups, listLiveNodesOfCluster, loadSeed } from '../store/reconcile.ts';
import type { CommandDeps } from './call.ts';
import { deleteInput, deletionChecks, findUnderWay, policyAfter } from './deleteCluster.ts';
import { ownInput, parseInput } from './parse.ts';
import { add, planCommand } from './planFrame.ts';
import { getCluster } from './targets.ts';

export const planDeleteCluster = planCommand('DELETE_CLUSTER', async (deps, call, raw, sketch) => {
  const input = parseInput(deleteInput, ownInput(raw));
  const row = await getCluster(deps.store.db, call, input.clusterId);
  const [mayDelete, ...checks] = deletionChecks(call, row, input, await findUnderWay(deps.store, row));
  sketch.about(row.deleteRequestedAt === null ? { ...row, deleteRequestedAt: deps.clock.now() } : row);
  if (mayDelete !== undefined) sketch.permit(mayDelete);
  for (const check of checks) await sketch.check(check);
  const policy = input.policy === undefined ? row.deletePolicy : policyAfter(row, input.policy);
  const leavesSeed = row.seedAbandoned || input.abandonSeed === true;
  const { plan } = sketch;
  add(plan, {
    deletes: [
      ...(await inCloud(deps, row)),
      ...balancersOf(row, policy),
      ...(leavesSeed ? [] : await inSeed(deps, row)),
      ...(await backupsOf(deps, row, policy)),
    ],
  });
  if (leavesSeed) plan.warnings.push('What is in the seed stays there.');
  plan.warnings.push(...warningsOf(row, policy));
});

/** Only these are not in the cluster itself. */
const IN_CLOUD: ReadonlySet<string> = new Set(['IDENTITY', 'COMPUTE', 'NETWORK', 'VOLUME', 'LOAD_BALANCER']);

const inCloud = async ({ store: { db } }: CommandDeps, { id }: ClusterRow): Promise<PlannedObject[]> => {
  const groups = new Map((await listLiveNodeGroups(db, id)).map((group) => [group.id, group.name]));
  const nodes = new Map((await listLiveNodesOfCluster(db, id)).map((node) => [node.id, groups.get(node.nodeGroupId) ?? null]));
  const notes = (await listClusterInventory(db, id)).filter(({ service, state }) => IN_CLOUD.has(service) && state !== 'GONE');
  return notedObjects(notes.map((note) => ({ ...note, of: groups.get(note.ownerId) ?? nodes.get(note.ownerId) ?? null })));
};

/** Nobody has noted them, as the cloud controller made them; the cluster is asked for its Services when it is deleted. */
const balancersOf = ({ spec, observedGeneration, deleteRequestedAt }: ClusterRow, policy: DeletePolicy | null): PlannedObject[] => {
  if (!isBalanced(spec) || observedGeneration === 0 || deleteRequestedAt !== null || policy?.loadBalancers === 'KEEP') return [];
  return balancerObjects(spec).filter(({ kind }) => kind !== 'floating-ip' || policy?.floatingIps !== 'KEEP');
};

/** What has been started there. */
const inSeed = async (deps: CommandDeps, row: ClusterRow): Promise<PlannedObject[]> => {
  const { db } = deps.store;
  if (row.seedId === null || row.endpointHost === null) return [];
  if (row.etcd === null) return endpointObjects();
  const workloads = deps.workloadsOf(row, (await loadSeed(db, row.seedId)) ?? null).filter(({ service }) => service === 'SEED');
  const objects = workloadObjects(workloads, 0);
  const kept = isHibernating(row) ? objects.filter(({ kind }) => kind === 'PersistentVolumeClaim') : objects;
  return [...endpointObjects(), ...kept];
};

const backupsOf = async ({ store }: CommandDeps, { id }: ClusterRow, policy: DeletePolicy | null): Promise<PlannedObject[]> => {
  const live = await listLiveBackups(store.db, id);
  const going = policy?.backups === 'KEEP' ? live.filter(({ snapshot }) => snapshot === null) : live;
  return backupObjects(
    going.length,
    going.map(({ name }) => name),
  );
};

/** Of what controllers in the cluster made nothing is noted until it goes. */
const warningsOf = ({ spec, credential, deleteRequestedAt }: ClusterRow, policy: DeletePolicy | null): string[] => [
  ...(deleteRequestedAt === null ? [] : ['It is being deleted already: asked again, the deletion that is under way is answered.']),
  ...(isWanted('cloudController', spec) ? [sayBalancers(policy)] : []),
  ...(isWanted('cinderCsi', spec) ? [sayVolumes(policy)] : []),
  ...(credential?.current?.kind === 'APPLICATION_CREDENTIAL'
    ? ["The application credential that was handed in stays: it is the customer's."]
    : []),
];

const sayBalancers = (policy: DeletePolicy | null): string => {
  if (policy?.loadBalancers === 'KEEP') return "Load balancers of the cluster's Services are kept.";
  const addresses =
    policy?.floatingIps === 'KEEP' ? 'their floating IPs are kept' : 'their floating IPs go unless their Services keep them';
  return `Load balancers of the cluster's own Services go, and are not counted here, for only the cluster knows them; ${addresses}.`;
};

const sayVolumes = (policy: DeletePolicy | null): string => {
  if (policy?.volumes === 'KEEP') return 'Volumes of PersistentVolumes are kept.';
  const which = policy?.volumes === 'DELETE' ? 'all of them go' : 'each goes or stays as its reclaim policy says';
  return `Volumes of PersistentVolumes are not counted here, for only the cluster knows them: ${which}.`;
};
