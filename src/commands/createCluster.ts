/** createCluster: writes down what a customer wants; reconcilers make it. */
import { permittedProject } from '../domain/actor.ts';
import { CALLER_TOKEN, NO_CREDENTIAL, newUserCredential } from '../domain/cloudCredential.ts';
import { shortIdOf } from '../domain/cluster.ts';
import { Conflict, NotFound } from '../domain/errors.ts';
import type { ActsBy } from '../domain/plannedObjects.ts';
import { findClustersByName, insertCluster } from '../store/clusters.ts';
import { insertEvent } from '../store/events.ts';
import type { Looking, Tx } from '../store/open.ts';
import { insertOperation } from '../store/operations.ts';
import { requireRoom } from '../store/projectQuotas.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { isLiveTemplate } from '../store/templates.ts';
import { enqueue } from '../store/workItems.ts';
import { clusterSubject, newOperation, tell } from './announce.ts';
import { checkBundlesThere } from './bundleChoice.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { sealCredential } from './cloudCredential.ts';
import { outcomeOf, recallClusterAnswer } from './clusterCommand.ts';
import { type ClusterInput, type ClusterPlan, clusterInput, planCluster } from './clusterPlan.ts';
import { runOnce } from './idempotent.ts';
import { nodeGroupRow, storeNodeGroup } from './nodeGroupInput.ts';
import { ownInput, parseInput } from './parse.ts';
import { flavorVcpus, newClusterDemand } from './quotaChecks.ts';
import { newTrust } from './trust.ts';

export const createCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(clusterInput, ownInput(raw));
    const projectId = permittedProject(call.actor, 'createCluster');
    return runOnce<ClusterAnswer, ClusterPlan>(deps, call, {
      mutation: 'createCluster',
      input: raw,
      prepare: () => planCluster(deps, call, input, projectId),
      apply: async (tx, plan) => {
        const { cluster, operation } = await writeCluster(deps, call, tx, { input, plan });
        return outcomeOf({ cluster, operation });
      },
      recall: recallClusterAnswer(deps, call),
    });
  };

/** What a new cluster is called, and what Seedbed is to act by for it. */
export type NewCluster = Pick<ClusterInput, 'name' | 'deletionProtection' | 'credential'> & Partial<Pick<ClusterRow, 'clone' | 'restore'>>;

/** `why`: the end of the sentence that its first event is. */
export const writeCluster = async (deps: CommandDeps, call: Call, tx: Tx, of: { input: NewCluster; plan: ClusterPlan; why?: string }) => {
  const { input, plan, why = '' } = of;
  const now = deps.clock.now();
  const names = { id: deps.newId(), shortId: shortIdOf(input.name, deps.randomToken(8)) };
  const cluster = clusterRow(deps, call, input, plan, names, now);
  // It may have been deleted since the plan was made.
  if (!(await isLiveTemplate(tx.db, cluster.templateId))) throw new NotFound('The cluster template', { field: ['clusterTemplate'] });
  const groups = withVcpus(deps, call, plan);
  for (const check of lastChecks(deps, tx, { name: input.name, plan, groups })) await check();
  await insertCluster(tx, cluster);
  const subject = clusterSubject(cluster);
  const operation = newOperation(deps, call, 'CREATE_CLUSTER', subject, 1);
  await insertOperation(tx, operation);
  const event = {
    streamId: cluster.id,
    number: 1,
    at: now,
    subjectKind: 'CLUSTER' as const,
    subjectId: cluster.id,
    subjectName: cluster.name,
    step: null,
    title: null,
    state: 'PENDING',
    percent: 0,
    message: `Cluster ${cluster.name} was asked for by ${call.actor.userName}${why}.`,
    problem: null,
    operationId: operation.id,
    requestId: operation.requestId,
    settled: false,
  };
  await insertEvent(tx, event);
  tx.events.push(event);
  tell(tx, subject, operation, 'CREATED');
  if (cluster.trust !== null) await deps.secrets.put(tx, cluster.id, CALLER_TOKEN, call.token, now);
  await enqueue(tx, 'CLUSTER', cluster.id, now);
  for (const { vcpus, ...group } of groups) {
    const row = { ...nodeGroupRow(deps, cluster, group, now), vcpus };
    await storeNodeGroup(deps, tx, row, group.cloudInit);
    await enqueue(tx, 'NODE_GROUP', row.id, now);
    tx.changes.push({ kind: 'NODE_GROUP', id: row.id, clusterId: cluster.id, projectId: cluster.projectId, what: 'CREATED' });
  }
  return { cluster, operation };
};

type SizedGroup = ClusterPlan['groups'][number] & { vcpus: number | null };

/** The groups, with what each of their workers counts in Seedbed's own quota. */
export const withVcpus = (deps: CommandDeps, call: Call, { projectId, groups }: Pick<ClusterPlan, 'projectId' | 'groups'>): SizedGroup[] =>
  groups.map((group) => ({ ...group, vcpus: flavorVcpus(deps, { projectId, userId: call.actor.userId }, group.spec) }));

interface NearlyMade {
  name: string;
  plan: Pick<ClusterPlan, 'projectId' | 'spec'>;
  groups: readonly SizedGroup[];
}

/** What is looked at in the very transaction, for others may have been faster; each throws UserError or Conflict. */
export const lastChecks = (deps: CommandDeps, at: Looking, { name, plan, groups }: NearlyMade): (() => Promise<void>)[] => {
  const { projectId, spec } = plan;
  return [
    () => requireRoom(at, deps.settings.projectLimits, projectId, newClusterDemand(spec, groups)),
    () => checkBundlesThere(at.db, spec, ['overrides', 'bundles']),
    async () => {
      const namesakes = await findClustersByName(at.db, { all: false, projectId }, name);
      if (namesakes.length > 0)
        throw new Conflict('NAME_TAKEN', `A cluster named ${name} is there already in your project; choose another name.`, {
          field: ['name'],
        });
    },
  ];
};

/** What the cluster is made by: the credential that was handed in, a user of its own where the operator wants that, or a trust of the caller's. */
const rightOf = (
  deps: CommandDeps,
  call: Call,
  { credential }: NewCluster,
  of: Pick<ClusterRow, 'id' | 'shortId'>,
): Pick<ClusterRow, 'trust' | 'credential'> => {
  if (credential !== undefined) return { trust: null, credential: { ...NO_CREDENTIAL, next: sealCredential(deps, of.id, credential) } };
  if (actsBy(deps, { credential }) === 'TRUST') return { trust: newTrust(deps, call), credential: null };
  const next = newUserCredential(of, { randomToken: deps.randomToken, seal: deps.secrets.seal });
  return { trust: null, credential: { ...NO_CREDENTIAL, next } };
};

export const actsBy = (deps: CommandDeps, { credential }: Pick<NewCluster, 'credential'>): ActsBy => {
  if (credential !== undefined) return 'HANDED_IN';
  return deps.settings.clustersHaveUsers ? 'CLUSTER_USER' : 'TRUST';
};

const clusterRow = (
  deps: CommandDeps,
  call: Call,
  input: NewCluster,
  plan: ClusterPlan,
  of: { id: string; shortId: string },
  now: number,
): ClusterRow => ({
  ...of,
  projectId: plan.projectId,
  name: input.name,
  templateId: plan.template.id,
  templateRevision: plan.template.revision,
  requestedSeedId: plan.requestedSeedId,
  seedId: null,
  spec: plan.spec,
  overrides: plan.fields,
  resolved: null,
  placement: null,
  seedTurn: null,
  seedTurnAt: null,
  ...rightOf(deps, call, input, of),
  endpointHost: null,
  endpointPort: null,
  endpointFloatingIp: false,
  caCertificate: null,
  rotations: null,
  nodesSince: null,
  runningVersion: null,
  upgrade: null,
  pause: null,
  hibernation: null,
  move: null,
  etcd: null,
  restore: input.restore ?? null,
  clone: input.clone ?? null,
  etcdStatus: null,
  etcdDisk: null,
  bundleStates: null,
  backupPlan: null,
  autoUpgrade: null,
  quorum: null,
  autoRestoredAt: null,
  sleepsFrom: null,
  deprecatedApis: null,
  deletePolicy: null,
  deletionStages: null,
  sweep: null,
  state: 'PENDING',
  deletionProtection: input.deletionProtection ?? false,
  seedAbandoned: false,
  restoredAt: null,
  createdBy: call.actor.userName,
  eventNumber: 1,
  generation: 1,
  observedGeneration: 0,
  deleteRequestedAt: null,
  deletedAt: null,
  createdAt: now,
  updatedAt: now,
});
