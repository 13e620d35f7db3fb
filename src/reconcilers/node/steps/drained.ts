/** Before a node goes, its pods are asked to go: as their PodDisruptionBudgets let them, and not for ever. */
import { SeedbedError, type WhoMustAct } from '../../../domain/errors.ts';
import { isHibernating } from '../../../domain/hibernation.ts';
import { drainLimitOf } from '../../../domain/upgradeStrategy.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { Kubernetes } from '../../../seeds/connection.ts';
import type { KubernetesObject } from '../../../seeds/kinds.ts';
import { loadConditions } from '../../../store/progress.ts';
import { hasStayingNode } from '../../../store/reconcile.ts';
import { readyState } from '../../tenantRegistry.ts';
import { findBudget } from '../disruptionBudget.ts';
import type { NodeScope } from '../scope.ts';
import { joined } from './joined.ts';

const LOOK_MS = 2_000;
/** Once somebody else must act, which takes its time. */
const BLOCKED_LOOK_MS = 10_000;
/** Of these at once: a thousand pods are asked in turns. */
const ASKED_AT_ONCE = 20;

export const drained: Step<NodeScope> = {
  name: 'Drained',
  title: 'Drain the node',
  usuallyMs: 90_000,
  late: 'CUSTOMER',
  needs: [joined],
  // There is something to do only when the node goes.
  wanted: () => false,
  ensure: async () => done(),
  remove: async (scope) => {
    const { row, cluster, group } = scope;
    if (row.deleteRequestedAt === null) return done();
    const { limitMs, waits } = drainLimitOf(group.spec.upgradeStrategy, scope.world.settings.drainMs);
    // Whoever deletes the group has asked for the end of all its nodes; whoever hibernates the cluster, of all there are.
    const last = isHibernating(cluster);
    const forced = !waits || last || group.deleteRequestedAt !== null;
    // With the cluster goes all that runs in it, and a node that was never in it runs nothing.
    if (cluster.deleteRequestedAt !== null || row.kubeletVersion === null) return done();
    if (limitMs === 0 && forced) return done('Draining is turned off, so its pods went with it.');
    // Before a hibernation they are to end well, and go nowhere.
    if (!last && !(await hasStayingNode(scope.db, cluster.id))) return done('No other node is there for its pods.');
    const leftMs = row.deleteRequestedAt + limitMs - scope.clock.now();
    try {
      return await drain(scope, leftMs, forced);
    } catch (error) {
      if (!(error instanceof SeedbedError) || !error.retryable) throw error;
      return leftMs > 0 || !forced
        ? waiting("the cluster's API, to drain the node", 5_000)
        : done("The cluster's API could not be asked in time.");
    }
  },
};

const drain = async (scope: NodeScope, leftMs: number, forced: boolean): Promise<Outcome> => {
  const { kube } = await scope.tenant();
  const node = await kube.get({ apiVersion: 'v1', kind: 'Node', name: scope.row.name });
  if (node === undefined) return done(await saidBefore(scope));
  if (readyState(node) !== 'True') return done('The node was not Ready, so nobody could end its pods.');
  await cordon(kube, node);
  const { items } = await kube.list({ apiVersion: 'v1', kind: 'Pod', fieldSelector: `spec.nodeName=${scope.row.name}` });
  const pods = items.filter(mustGo);
  const [first] = pods;
  if (first === undefined) return done();
  const late = leftMs <= 0;
  if (late && forced) {
    const budgets = await budgetsOf(kube, pods);
    const kept = budgets.length === 0 ? '' : `, which PodDisruptionBudget${budgets.length === 1 ? '' : 's'} ${budgets.join(', ')} held`;
    return done(`${countOf(pods)} had not gone in time and went with the node, such as ${nameOf(first)}${kept}.`);
  }
  const against = await ask(kube, pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).slice(0, ASKED_AT_ONCE));
  const [blocked] = against;
  const retryMs = late ? BLOCKED_LOOK_MS : Math.min(LOOK_MS, leftMs);
  if (blocked === undefined) return held(`${countOf(pods)} to end, such as ${nameOf(first)}`, retryMs, late, 'NOBODY');
  const budget = await findBudget(kube, blocked.pod);
  const says = budget === undefined ? blocked.says : `PodDisruptionBudget ${budget} allows no more disruptions now`;
  return held(`${countOf(pods)} to go; ${nameOf(blocked.pod)} may not: ${says}`, retryMs, late, 'CUSTOMER');
};

/** Its Node object goes before its server, whose end may take several passes more: how the drain ended is told all the same. */
const saidBefore = async ({ db, row }: NodeScope): Promise<string | undefined> => {
  const before = (await loadConditions(db, row.id)).get(drained.name);
  return before?.state === 'REMOVED' ? before.message : undefined;
};

/** Beyond its limit a drain says how it ends: by itself it does not. */
const held = (what: string, retryMs: number, late: boolean, whoMustAct: WhoMustAct): Outcome =>
  late
    ? waiting(
        `${what}. It is over its time, and the group waits (onBlockedDrain): let the pods go, with more replicas or another budget, or give the group onBlockedDrain FORCE (updateNodeGroup)`,
        retryMs,
        'CUSTOMER',
        'DrainBlocked',
      )
    : waiting(what, retryMs, whoMustAct);

/** Those that keep the first of the pods. */
const budgetsOf = async (kube: Kubernetes, pods: readonly KubernetesObject[]): Promise<string[]> => {
  const found = await Promise.all(pods.slice(0, ASKED_AT_ONCE).map((pod) => findBudget(kube, pod)));
  return [...new Set(found.filter((budget) => budget !== undefined))].sort();
};

/** No new pods come to it. */
const cordon = async (kube: Kubernetes, node: KubernetesObject): Promise<void> => {
  const spec = (node['spec'] ?? {}) as { unschedulable?: boolean };
  if (spec.unschedulable !== true) await kube.rewrite({ ...node, spec: { ...spec, unschedulable: true } });
};

/** Neither what comes back at once (a DaemonSet's), nor what the kubelet alone rules (a mirror), nor what has ended. */
const mustGo = ({ metadata, status }: KubernetesObject): boolean =>
  !['Succeeded', 'Failed'].includes((status as { phase?: string } | undefined)?.phase ?? '') &&
  metadata.annotations?.['kubernetes.io/config.mirror'] === undefined &&
  !((metadata['ownerReferences'] ?? []) as Owner[]).some(({ kind, controller }) => kind === 'DaemonSet' && controller === true);

interface Owner {
  kind?: string;
  controller?: boolean;
}

/** Those that a budget keeps, and what it says. */
const ask = async (kube: Kubernetes, pods: readonly KubernetesObject[]): Promise<{ pod: KubernetesObject; says: string }[]> => {
  const answers = await Promise.all(
    pods.map(async (pod) => {
      const { namespace = 'default', name, uid = '' } = pod.metadata;
      return { pod, says: await kube.evict({ namespace, name, uid }) };
    }),
  );
  return answers.flatMap(({ pod, says }) => (says === null ? [] : [{ pod, says }]));
};

const countOf = (pods: readonly unknown[]): string => (pods.length === 1 ? '1 pod' : `${pods.length} pods`);
const nameOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace}/${metadata.name}`;
