/** The DaemonSet and Job controllers. */
import type { Cluster } from '../cluster.ts';
import { DAEMON_SET, JOB, NODE } from '../kinds.ts';
import { at, dict, dicts, type KubeObject, labelsOf, number, spec, status, text, timestamp, withCondition } from '../objects.ts';
import { createPod, deletePod, isActive, isReady, ownedPods, portion, putStatus, templateHash } from './ownedPods.ts';

const REVISION = 'controller-revision-hash';

/** Taints that the controller makes every daemon pod tolerate, so that networks can start on nodes that have none. */
const ALWAYS = [
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/unschedulable',
  'node.kubernetes.io/network-unavailable',
];

export const tolerates = (tolerations: unknown, taint: Record<string, unknown>): boolean =>
  dicts(tolerations).some((t) => {
    const key = text(t.key);
    const effect = text(t.effect);
    if (effect && effect !== taint.effect) return false;
    if (key === '') return t.operator === 'Exists';
    return key === taint.key && (t.operator === 'Exists' || text(t.value) === text(taint.value));
  });

const nodeFits = (set: KubeObject, node: KubeObject): boolean => {
  const pod = dict(at(set, 'spec', 'template', 'spec'));
  const selector = Object.entries(dict(pod.nodeSelector));
  const blocking = dicts(spec(node).taints).filter((t) => t.effect !== 'PreferNoSchedule' && !ALWAYS.includes(text(t.key)));
  return selector.every(([k, v]) => labelsOf(node)[k] === v) && blocking.every((t) => tolerates(pod.tolerations, t));
};

const nodeOf = (pod: KubeObject): string => {
  const terms = dicts(at(pod, 'spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution', 'nodeSelectorTerms'));
  return String(dict(dicts(terms[0]?.matchFields)[0]).values ?? text(spec(pod).nodeName));
};

const pinnedTo = (node: string): Record<string, unknown> => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
    },
  },
});

export const reconcileDaemonSet = (cluster: Cluster, namespace: string, name: string): void => {
  const set = cluster.store.get(DAEMON_SET, namespace, name);
  if (!set || set.metadata.deletionTimestamp) return;
  const revision = templateHash(spec(set).template);
  const nodes = cluster.store.list(NODE).filter((n) => !n.metadata.deletionTimestamp && nodeFits(set, n));
  const wanted = new Set(nodes.map((n) => n.metadata.name));
  const pods = ownedPods(cluster, set);
  for (const pod of pods) if (!wanted.has(nodeOf(pod)) || !isActive(pod)) deletePod(cluster, pod);
  const served = new Set(pods.map(nodeOf));
  const given = dicts(at(set, 'spec', 'template', 'spec', 'tolerations'));
  const tolerations = [
    ...given,
    ...ALWAYS.map((key) => ({
      key,
      operator: 'Exists',
      ...(key.endsWith('not-ready') || key.endsWith('unreachable') ? { effect: 'NoExecute' } : { effect: 'NoSchedule' }),
    })),
  ];
  for (const node of wanted) {
    if (!served.has(node))
      createPod(cluster, set, {
        labels: { [REVISION]: revision },
        spec: { affinity: pinnedTo(node), tolerations },
        component: 'daemonset-controller',
      });
  }
  const isCurrent = (p: KubeObject): boolean => labelsOf(p)[REVISION] === revision;
  const limit = portion(at(set, 'spec', 'updateStrategy', 'rollingUpdate', 'maxUnavailable'), wanted.size, true);
  const down = pods.filter((p) => !isReady(p)).length;
  const stale = pods.filter((p) => isActive(p) && !isCurrent(p)).toSorted((a, b) => Number(isReady(a)) - Number(isReady(b)));
  if (at(set, 'spec', 'updateStrategy', 'type') !== 'OnDelete') {
    for (const pod of stale.slice(0, Math.max(stale.filter((p) => !isReady(p)).length, Math.max(0, limit - down)))) deletePod(cluster, pod);
  }
  const now = ownedPods(cluster, set).filter((p) => wanted.has(nodeOf(p)) && isActive(p));
  const ready = now.filter(isReady).length;
  putStatus(cluster, DAEMON_SET, set, {
    currentNumberScheduled: now.length,
    desiredNumberScheduled: wanted.size,
    numberMisscheduled: 0,
    numberReady: ready,
    observedGeneration: set.metadata.generation ?? 1,
    ...(now.some(isCurrent) ? { updatedNumberScheduled: now.filter(isCurrent).length } : {}),
    ...(ready > 0 ? { numberAvailable: ready } : {}),
    ...(wanted.size > ready ? { numberUnavailable: wanted.size - ready } : {}),
  });
};

export const reconcileJob = (cluster: Cluster, namespace: string, name: string): void => {
  const job = cluster.store.get(JOB, namespace, name);
  if (!job || job.metadata.deletionTimestamp || spec(job).suspend === true) return;
  const pods = ownedPods(cluster, job);
  const succeeded = pods.filter((p) => status(p).phase === 'Succeeded').length;
  const failed = pods.filter((p) => status(p).phase === 'Failed').length;
  const active = pods.filter(isActive);
  const wanted = number(spec(job).completions, 1);
  const broken = failed > number(spec(job).backoffLimit, 6);
  const room = Math.min(number(spec(job).parallelism, 1), wanted - succeeded) - active.length;
  if (!broken)
    for (let i = 0; i < room; i += 1)
      createPod(cluster, job, {
        labels: { 'job-name': name, 'batch.kubernetes.io/job-name': name, 'batch.kubernetes.io/controller-uid': job.metadata.uid },
        component: 'job-controller',
      });
  const now = timestamp(cluster.now());
  const done = succeeded >= wanted;
  const conditions = done
    ? withCondition(status(job).conditions, { type: 'Complete', status: 'True', reason: 'CompletionsReached' }, now)
    : broken
      ? withCondition(
          status(job).conditions,
          { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' },
          now,
        )
      : dicts(status(job).conditions);
  const live = ownedPods(cluster, job).filter(isActive).length;
  putStatus(cluster, JOB, job, {
    startTime: status(job).startTime ?? now,
    ...(live > 0 ? { active: live } : {}),
    ...(succeeded > 0 ? { succeeded } : {}),
    ...(failed > 0 ? { failed } : {}),
    ...(done ? { completionTime: status(job).completionTime ?? now } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
    ready: 0,
  });
};
