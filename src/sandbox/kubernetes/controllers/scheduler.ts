/** The scheduler: binds pending pods to nodes that fit by selector, affinity, taints and what is left of their resources. */
import type { Cluster } from '../cluster.ts';
import { NODE, POD, PVC } from '../kinds.ts';
import {
  at,
  controllerOf,
  type Dict,
  dict,
  dicts,
  type KubeObject,
  labelsOf,
  namespaceOf,
  spec,
  status,
  text,
  texts,
  timestamp,
  withCondition,
} from '../objects.ts';
import { tolerates } from './daemonSets.ts';
import { recordEvent } from './events.ts';
import { quantity } from './quantities.ts';

interface Use {
  cpu: number;
  memory: number;
  pods: number;
}

const requestsOf = (pod: KubeObject): Use => {
  const containers = dicts(spec(pod).containers);
  const sum = (resource: string): number => containers.reduce((total, c) => total + quantity(at(c, 'resources', 'requests', resource)), 0);
  return { cpu: sum('cpu'), memory: sum('memory'), pods: 1 };
};

const requirementFits = (requirement: Dict, value: string | undefined): boolean => {
  const values = texts(requirement.values);
  if (requirement.operator === 'In') return value !== undefined && values.includes(value);
  if (requirement.operator === 'NotIn') return value === undefined || !values.includes(value);
  return requirement.operator === 'Exists' ? value !== undefined : value === undefined;
};

const affinityFits = (pod: KubeObject, node: KubeObject): boolean => {
  const terms = dicts(at(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms'));
  const fits = (term: Dict): boolean =>
    dicts(term.matchFields).every((r) => requirementFits(r, node.metadata.name)) &&
    dicts(term.matchExpressions).every((r) => requirementFits(r, labelsOf(node)[text(r.key)]));
  return terms.length === 0 || terms.some(fits);
};

/** Why a node does not take a pod, in the scheduler's words; undefined when it does. */
const refusal = (pod: KubeObject, node: KubeObject, used: Use, asked: Use): string | undefined => {
  const selector = Object.entries(dict(spec(pod).nodeSelector));
  if (!affinityFits(pod, node) || !selector.every(([k, v]) => labelsOf(node)[k] === v))
    return "node(s) didn't match Pod's node affinity/selector";
  if (
    spec(node).unschedulable === true &&
    !tolerates(spec(pod).tolerations, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
  )
    return 'node(s) were unschedulable';
  const taint = dicts(spec(node).taints).find((t) => t.effect !== 'PreferNoSchedule' && !tolerates(spec(pod).tolerations, t));
  if (taint) return `node(s) had untolerated taint(s) {${text(taint.key)}: ${text(taint.value)}}`;
  const has = dict(status(node).allocatable);
  if (used.pods + 1 > quantity(has.pods)) return 'Too many pods';
  if (asked.cpu > 0 && used.cpu + asked.cpu > quantity(has.cpu)) return 'Insufficient cpu';
  if (asked.memory > 0 && used.memory + asked.memory > quantity(has.memory)) return 'Insufficient memory';
  return undefined;
};

export interface Scheduler {
  /** Tries one pod; leaves it with a condition and an event when nothing fits. */
  schedule(namespace: string, name: string): void;
  /** Pods that found no place, to be tried again when something changes. */
  unplaced(): string[];
  close(): void;
}

const counts = (pod: KubeObject): boolean =>
  text(spec(pod).nodeName) !== '' && status(pod).phase !== 'Succeeded' && status(pod).phase !== 'Failed';

/** What the pods use is summed as they come and go, for thousands of pods make a sum per decision too dear. */
export const createScheduler = (cluster: Cluster, bindClaim: (claim: KubeObject, node: string) => boolean): Scheduler => {
  const used = new Map<string, Use>();
  const unplaced = new Set<string>();
  const book = (pod: KubeObject, sign: 1 | -1): void => {
    const node = text(spec(pod).nodeName);
    const [sum, asked] = [used.get(node) ?? { cpu: 0, memory: 0, pods: 0 }, requestsOf(pod)];
    used.set(node, { cpu: sum.cpu + sign * asked.cpu, memory: sum.memory + sign * asked.memory, pods: sum.pods + sign });
  };
  for (const pod of cluster.store.list(POD)) if (counts(pod)) book(pod, 1);
  const unsubscribe = cluster.store.subscribe((event) => {
    if (event.kind !== POD) return;
    if (event.previous && counts(event.previous)) book(event.previous, -1);
    if (event.type !== 'DELETED' && counts(event.object)) book(event.object, 1);
    if (event.type === 'DELETED') unplaced.delete(`${namespaceOf(event.object)}/${event.object.metadata.name}`);
  });
  const siblings = (pod: KubeObject): Map<string, number> => {
    const owner = controllerOf(pod)?.uid;
    const found = new Map<string, number>();
    if (owner === undefined) return found;
    for (const other of cluster.store.list(POD, namespaceOf(pod))) {
      const node = text(spec(other).nodeName);
      if (node && controllerOf(other)?.uid === owner) found.set(node, (found.get(node) ?? 0) + 1);
    }
    return found;
  };
  const fail = (pod: KubeObject, message: string): void => {
    unplaced.add(`${namespaceOf(pod)}/${pod.metadata.name}`);
    recordEvent(cluster, pod, { type: 'Warning', reason: 'FailedScheduling', message, component: 'default-scheduler' });
    const conditions = withCondition(
      status(pod).conditions,
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
      timestamp(cluster.now()),
    );
    cluster.store.put(POD, { ...pod, status: { ...status(pod), phase: 'Pending', conditions } });
  };
  const claimsReady = (pod: KubeObject, node: string): string | undefined => {
    for (const volume of dicts(spec(pod).volumes)) {
      const name = text(at(volume, 'persistentVolumeClaim', 'claimName'));
      const claim = name ? cluster.store.get(PVC, namespaceOf(pod), name) : undefined;
      if (name && !claim) return `persistentvolumeclaim "${name}" not found`;
      if (claim && !bindClaim(claim, node)) return 'pod has unbound immediate PersistentVolumeClaims';
    }
    return undefined;
  };
  return {
    schedule(namespace, name) {
      const pod = cluster.store.get(POD, namespace, name);
      if (!pod || pod.metadata.deletionTimestamp || text(spec(pod).nodeName) !== '') return;
      const asked = requestsOf(pod);
      const near = siblings(pod);
      const nodes = cluster.store.list(NODE);
      const reasons = new Map<string, number>();
      const fitting = nodes.filter((node) => {
        const why = refusal(pod, node, used.get(node.metadata.name) ?? { cpu: 0, memory: 0, pods: 0 }, asked);
        if (why) reasons.set(why, (reasons.get(why) ?? 0) + 1);
        return why === undefined;
      });
      const load = (n: KubeObject): number => (near.get(n.metadata.name) ?? 0) * 1e6 + (used.get(n.metadata.name)?.pods ?? 0);
      const best = fitting.reduce<KubeObject | undefined>((a, b) => (a === undefined || load(b) < load(a) ? b : a), undefined);
      const said = [...reasons].map(([why, n]) => `${n} ${why}`).join(', ');
      if (!best)
        return fail(pod, nodes.length === 0 ? 'no nodes available to schedule pods' : `0/${nodes.length} nodes are available: ${said}.`);
      const unbound = claimsReady(pod, best.metadata.name);
      if (unbound) return fail(pod, unbound);
      unplaced.delete(`${namespace}/${name}`);
      const conditions = withCondition(status(pod).conditions, { type: 'PodScheduled', status: 'True' }, timestamp(cluster.now()));
      cluster.store.put(POD, { ...pod, spec: { ...spec(pod), nodeName: best.metadata.name }, status: { ...status(pod), conditions } });
      recordEvent(cluster, pod, {
        type: 'Normal',
        reason: 'Scheduled',
        message: `Successfully assigned ${namespace}/${name} to ${best.metadata.name}`,
        component: 'default-scheduler',
      });
    },
    unplaced: () => [...unplaced],
    close: unsubscribe,
  };
};
