/** The StatefulSet controller: ordered or parallel pods with stable names and claims, and rolling updates from the highest ordinal down. */
import type { Cluster } from '../cluster.ts';
import { PVC, STATEFUL_SET } from '../kinds.ts';
import { at, dict, dicts, type KubeObject, labelsOf, namespaceOf, number, ownerReference, spec, text } from '../objects.ts';
import { createObject } from '../resources.ts';
import { recordEvent } from './events.ts';
import { createPod, deletePod, isActive, isReady, ownedPods, putStatus, systemContext, templateHash } from './ownedPods.ts';

const REVISION = 'controller-revision-hash';

const claimName = (template: KubeObject | Record<string, unknown>, set: KubeObject, ordinal: number): string =>
  `${text(at(template, 'metadata', 'name'))}-${set.metadata.name}-${ordinal}`;

const ensureClaims = (cluster: Cluster, set: KubeObject, ordinal: number): void => {
  const namespace = namespaceOf(set);
  const owned = at(set, 'spec', 'persistentVolumeClaimRetentionPolicy', 'whenDeleted') === 'Delete';
  for (const template of dicts(spec(set).volumeClaimTemplates)) {
    const name = claimName(template, set, ordinal);
    const known = cluster.store.get(PVC, namespace, name);
    if (!known) {
      const metadata = {
        ...dict(template.metadata),
        name,
        labels: { ...dict(at(template, 'metadata', 'labels')), ...dict(at(set, 'spec', 'selector', 'matchLabels')) },
        ...(owned ? { ownerReferences: [ownerReference(set)] } : {}),
      };
      createObject(cluster, PVC, namespace, { metadata, spec: template.spec }, systemContext());
      recordEvent(cluster, set, {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `create Claim ${name} Pod ${set.metadata.name}-${ordinal} in StatefulSet ${set.metadata.name} success`,
        component: 'statefulset-controller',
      });
    }
  }
};

const createMember = (cluster: Cluster, set: KubeObject, ordinal: number, revision: string): void => {
  ensureClaims(cluster, set, ordinal);
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = dicts(spec(set).volumeClaimTemplates).map((t) => ({
    name: text(at(t, 'metadata', 'name')),
    persistentVolumeClaim: { claimName: claimName(t, set, ordinal) },
  }));
  const template = dict(at(set, 'spec', 'template', 'spec'));
  const own = dicts(template.volumes).filter((v) => !claims.some((c) => c.name === v.name));
  createPod(cluster, set, {
    name,
    labels: {
      [REVISION]: `${set.metadata.name}-${revision}`,
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
    },
    spec: { hostname: name, subdomain: text(spec(set).serviceName), volumes: [...claims, ...own] },
    component: 'statefulset-controller',
  });
};

export const reconcileStatefulSet = (cluster: Cluster, namespace: string, name: string): void => {
  const set = cluster.store.get(STATEFUL_SET, namespace, name);
  if (!set || set.metadata.deletionTimestamp) return;
  const wanted = number(spec(set).replicas, 1);
  const parallel = spec(set).podManagementPolicy === 'Parallel';
  const revision = templateHash(spec(set).template);
  const members = new Map(ownedPods(cluster, set).map((p) => [p.metadata.name, p]));
  const memberAt = (ordinal: number): KubeObject | undefined => members.get(`${set.metadata.name}-${ordinal}`);
  for (let i = 0; i < wanted; i += 1) {
    const pod = memberAt(i);
    if (!pod) createMember(cluster, set, i, revision);
    else if (!isActive(pod) && !pod.metadata.deletionTimestamp) deletePod(cluster, pod);
    if (!parallel && (!pod || !isReady(pod))) break;
  }
  const ordinalOf = (pod: KubeObject): number => Number(pod.metadata.name.slice(set.metadata.name.length + 1));
  const surplus = [...members.values()].filter((p) => ordinalOf(p) >= wanted).toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of parallel ? surplus : surplus.slice(0, 1)) deletePod(cluster, pod);
  const isCurrent = (pod: KubeObject): boolean => labelsOf(pod)[REVISION] === `${set.metadata.name}-${revision}`;
  const kept = [...members.values()].filter((p) => ordinalOf(p) < wanted);
  const stale = kept.filter((p) => !isCurrent(p)).toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  const others = kept.filter((p) => p !== stale[0]);
  // One at a time, and only while all others are ready, or a broken update would take the quorum away; a member that is broken itself may always be replaced.
  const next = stale.find((p) => !isReady(p)) ?? (others.length === wanted - 1 && others.every(isReady) ? stale[0] : undefined);
  if (next && spec(set).updateStrategy !== undefined && at(set, 'spec', 'updateStrategy', 'type') !== 'OnDelete') deletePod(cluster, next);
  const pods = ownedPods(cluster, set);
  const ready = pods.filter(isReady).length;
  const current = pods.filter(isCurrent).length;
  putStatus(cluster, STATEFUL_SET, set, {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: pods.length,
    availableReplicas: ready,
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(current > 0 ? { currentReplicas: current, updatedReplicas: current } : {}),
    currentRevision: `${set.metadata.name}-${revision}`,
    updateRevision: `${set.metadata.name}-${revision}`,
    collisionCount: 0,
  });
};
