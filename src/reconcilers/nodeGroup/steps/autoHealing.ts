/** Broken nodes get rebooted or replaced: one at a time, the oldest trouble first, and none at all while too many are in trouble at once. */
import { SeedbedError } from '../../../domain/errors.ts';
import {
  AUTO_HEALING,
  comesBackBy,
  forgive,
  type GroupHealing,
  type HealingSpec,
  isCuredByReboot,
  isHealed,
  isMassFailure,
  isSeedWide,
  NO_HEALING,
  nextPatient,
  type Patient,
  type Plan,
  replacementIn,
  settleMs,
} from '../../../domain/healing.ts';
import { targetOf } from '../../../domain/nodeGroup.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { isOperationOpen } from '../../../store/operations.ts';
import { changed, listLiveNodesOfCluster, loadNode, type NodeRow, patchNode, patchNodeGroup } from '../../../store/reconcile.ts';
import { countIllClusters } from '../../../store/troubles.ts';
import { enqueue } from '../../../store/workItems.ts';
import { readyState } from '../../tenantRegistry.ts';
import { beginHealing, operationOf, sayRebooted, TITLE, type Troubled, tellHealing, timeOf } from '../healingOperation.ts';
import { rebootNode, sayComingBack } from '../reboot.ts';
import type { NodeGroupScope } from '../scope.ts';
import { serverGroup } from './serverGroup.ts';

const LOOK_MS = 30_000;
/** Sooner where nothing but an answer tells. */
const ASK_MS = 10_000;

export const autoHealing: Step<NodeGroupScope> = {
  name: AUTO_HEALING,
  title: TITLE,
  needs: [serverGroup],
  wanted: (scope) => scope.cluster.spec.autoHealingEnabled || patientsOf(scope).length > 0,
  ensure: async (scope) => {
    const patients = patientsOf(scope);
    if (patients.length === 0) return done();
    const seen = await decide(scope, patients, await readyNodes(scope, 'seen'));
    if ('kind' in seen) return seen;
    // What is not taken back is decided by what is so now, and not by what a watch has told.
    const sure = await decide(scope, patients, await readyNodes(scope, 'asked'));
    if ('kind' in sure) return sure;
    const { node, healing, reboots } = sure;
    return reboots && node.serverId !== null
      ? rebootNode(scope, { ...node, serverId: node.serverId }, healing.failures > 0)
      : heal(scope, node, healing);
  },
};

interface Decision {
  node: Troubled;
  /** What the group remembers once the node is replaced. */
  healing: GroupHealing;
  /** It is rebooted before that. */
  reboots: boolean;
}

/** Who is to be healed now, and how; or what comes before that. `ready`: undefined when nobody knows. */
const decide = async (
  scope: NodeGroupScope,
  patients: readonly Troubled[],
  ready: ReadonlySet<string> | undefined,
): Promise<Outcome | Decision> => {
  if (ready === undefined) {
    await hold(scope);
    return waiting(
      "the cluster's API: nobody else knows how its nodes are, so none is replaced until it answers",
      ASK_MS,
      'NOBODY',
      'NoFacts',
    );
  }
  const members = (await listLiveNodesOfCluster(scope.db, scope.cluster.id)).filter(isMember);
  const ill = members.filter((node) => node.trouble !== null || !ready.has(node.name));
  const { healing: limits } = scope.cluster.spec;
  if (isMassFailure(ill.length, members.length, limits)) {
    await hold(scope);
    return waiting(massFailure(ill, members.length, limits.maxUnhealthyPercent), LOOK_MS, 'CLOUD_ADMIN', 'MassFailure');
  }
  const { seedId } = scope.cluster;
  if (seedId !== null && isSeedWide(await countIllClusters(scope.db, seedId, Math.min(...patients.map(({ trouble }) => trouble.since))))) {
    await hold(scope);
    return waiting(SEED_WIDE, LOOK_MS, 'CLOUD_ADMIN', 'MassFailure');
  }
  const healing = await release(scope);
  const under = underWay(scope);
  if (under !== undefined) return waiting(under, LOOK_MS);
  const now = scope.clock.now();
  const back = comingBack(patients, limits, now);
  if (back !== undefined) return back;
  const replacement = replacementIn(scope.nodes, healing);
  const works = replacement !== undefined && replacement.trouble === null && ready.has(replacement.name);
  const plan = nextPatient(
    patients.map((node) => ({ ...node, node, ready: ready.has(node.name), isReplacement: node === replacement })),
    limits,
    forgive(healing, works, now),
    now,
  );
  if (plan === undefined) return done();
  if (plan.patient.trouble.kind === 'NOT_READY' && plan.patient.ready) return waiting(`node ${plan.patient.name} to be looked at`, 1_000);
  if (plan.at > now) return patience(plan, now);
  return { node: plan.patient.node, healing: { ...healing, failures: plan.failures, lastAt: now }, reboots: plan.reboots };
};

const patientsOf = ({ nodes, cluster }: NodeGroupScope): Troubled[] =>
  nodes
    .filter(isTroubled)
    .filter((node) => node.deleteRequestedAt === null && isHealed(node.trouble.kind, cluster.spec.autoHealingEnabled));

const isTroubled = (node: NodeRow): node is Troubled => node.trouble !== null;

/** One that is, or should be, in the cluster: of one that is being made nothing is known yet. */
const isMember = (node: NodeRow): boolean => node.deleteRequestedAt === null && (node.kubeletVersion !== null || node.trouble !== null);

/** Names of the nodes that Kubernetes calls Ready: as its watch has told, or asked. Undefined when it cannot be asked. */
const readyNodes = async (scope: NodeGroupScope, how: 'seen' | 'asked'): Promise<ReadonlySet<string> | undefined> => {
  try {
    const tenant = await scope.world.tenants.get(scope.cluster);
    const seen = how === 'seen' && tenant.isHeard();
    const items = seen ? tenant.nodes().list() : (await tenant.kube.list({ apiVersion: 'v1', kind: 'Node' })).items;
    return new Set(items.filter((node) => readyState(node) === 'True').map(({ metadata }) => metadata.name));
  } catch (error) {
    if (error instanceof SeedbedError && error.retryable) return undefined;
    throw error;
  }
};

const massFailure = (ill: readonly NodeRow[], all: number, percent: number): string =>
  `the cloud's administrator, or whoever changed the network: ${ill.length} of ${all} workers are in trouble at once, more than ${percent} %, such as ${ill[0]?.name}. ` +
  'That is hardly the fault of each, so none is replaced. Healing goes on by itself once fewer are; replaceNode replaces one at once';

const SEED_WIDE =
  "the cloud's administrator: every cluster on this one's seed has workers in trouble at once. That is hardly the fault of each, so none is replaced. " +
  'Healing goes on by itself once one of them is well; replaceNode replaces one at once';

/** Also for a moment after: those that come back do not come at once. */
const hold = async (scope: NodeGroupScope): Promise<void> => {
  const healing = scope.row.healing ?? NO_HEALING;
  if (!healing.held) await scope.patch({ healing: { ...healing, held: true } });
};

const release = async (scope: NodeGroupScope): Promise<GroupHealing> => {
  const known = scope.row.healing ?? NO_HEALING;
  if (!known.held) return known;
  const healing = { ...known, held: false, notBefore: scope.clock.now() + settleMs(scope.cluster.spec.healing) };
  await scope.patch({ healing });
  return healing;
};

/** What must end before another node is replaced. */
const underWay = ({ nodes, row }: NodeGroupScope): string | undefined => {
  const replaced = nodes.find((node) => node.replaceRequestedAt !== null);
  if (replaced !== undefined) return `node ${replaced.name} to be replaced${replaced.trouble ? `: it ${replaced.trouble.message}` : ''}`;
  const leaving = nodes.find((node) => node.deleteRequestedAt !== null);
  if (leaving !== undefined) return `node ${leaving.name} to be gone, before another is replaced`;
  // One that cannot be made may be so for ever, for want of what a lost one has.
  const making = nodes.find((node) => node.kubeletVersion === null && node.trouble === null && node.state !== 'FAILED');
  if (making !== undefined) return `node ${making.name} to be ready, before another is replaced`;
  return nodes.length < targetOf(row) ? 'the missing nodes to be made, before another is replaced' : undefined;
};

/** One that was rebooted has its time, and nothing else of its group's is touched meanwhile, but for what no time brings back. */
const comingBack = (patients: readonly Troubled[], limits: HealingSpec, now: number): Outcome | undefined => {
  if (!patients.every(({ trouble }) => isCuredByReboot(trouble.kind))) return undefined;
  for (const node of patients) {
    const by = comesBackBy(node, limits);
    if (by !== null && by > now) return sayComingBack(node, by, now);
  }
  return undefined;
};

const patience = ({ patient, at, failures, backsOff, reboots }: Plan<Patient>, now: number): Outcome => {
  const until = timeOf(at);
  const end = reboots ? 'rebooted' : 'replaced';
  const trouble = `it ${patient.trouble.message} since ${timeOf(patient.trouble.since)}`;
  if (!backsOff) return waiting(`node ${patient.name} to come back by itself until ${until}, or it is ${end}: ${trouble}`, at - now);
  const times = failures === 1 ? 'The last replacement' : `The last ${failures} replacements`;
  return waiting(
    `node ${patient.name} to come back, or it is ${end} at ${until}: ${trouble}. ${times} in its group failed as well, so look at image, flavor and network`,
    at - now,
    'CUSTOMER',
    'BackingOff',
  );
};

const heal = async (scope: NodeGroupScope, node: Troubled, healing: GroupHealing): Promise<Outcome> => {
  const reason = `Node ${node.name} ${node.trouble.message} since ${timeOf(node.trouble.since)}${sayRebooted(node)}.`;
  const now = scope.clock.now();
  const chosen = await scope.write(async (tx) => {
    const live = await loadNode(tx.db, node.id);
    if (!live || live.deleteRequestedAt !== null || live.replaceRequestedAt !== null || live.trouble?.kind !== node.trouble.kind)
      return false;
    await patchNode(tx, node.id, { replaceRequestedAt: now, updatedAt: now });
    await patchNodeGroup(tx, scope.row.id, { healing, updatedAt: now });
    const begun = node.reboot?.operationId;
    const told = `${reason} Another takes its place.`;
    // The operation that has rebooted it in vain goes on.
    if (begun !== undefined && (await isOperationOpen(tx.db, begun))) await tellHealing(tx, scope, begun, told, now);
    else await beginHealing(tx, scope, operationOf(scope, reason, now), told, healing.failures > 0);
    tx.changes.push(changed('NODE', node, scope.cluster.id, scope.cluster.projectId));
    // The step that replaces may have looked already.
    await enqueue(tx, 'NODE_GROUP', scope.row.id, now);
    return true;
  });
  return waiting(chosen ? `node ${node.name} to be replaced: it ${node.trouble.message}` : `node ${node.name} to be looked at`, 1_000);
};
