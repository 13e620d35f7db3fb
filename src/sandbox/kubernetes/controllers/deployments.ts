/** The Deployment and ReplicaSet controllers: rolling updates within surge and unavailability, and their statuses. */
import type { Cluster } from '../cluster.ts';
import { removeQuietly } from '../deletion.ts';
import { DEPLOYMENT, REPLICA_SET } from '../kinds.ts';
import {
  at,
  type Dict,
  dict,
  type KubeObject,
  labelsOf,
  namespaceOf,
  number,
  ownerReference,
  spec,
  status,
  timestamp,
  withCondition,
} from '../objects.ts';
import { createObject } from '../resources.ts';
import { recordEvent } from './events.ts';
import {
  byExpendability,
  createPod,
  deletePod,
  isActive,
  isReady,
  ownedBy,
  ownedPods,
  portion,
  putStatus,
  systemContext,
  templateHash,
} from './ownedPods.ts';

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
const replicasOf = (object: KubeObject): number => number(spec(object).replicas, 1);
const readyOf = (set: KubeObject): number => number(status(set).readyReplicas, 0);

export const reconcileReplicaSet = (cluster: Cluster, namespace: string, name: string): void => {
  const set = cluster.store.get(REPLICA_SET, namespace, name);
  if (!set || set.metadata.deletionTimestamp) return;
  const active = ownedPods(cluster, set).filter(isActive);
  const wanted = replicasOf(set);
  for (let i = active.length; i < wanted; i += 1) if (!createPod(cluster, set, { component: 'replicaset-controller' })) break;
  const surplus = Math.max(0, active.length - wanted);
  for (const pod of active.toSorted(byExpendability).slice(0, surplus)) deletePod(cluster, pod);
  const pods = ownedPods(cluster, set).filter(isActive);
  const ready = pods.filter(isReady).length;
  putStatus(cluster, REPLICA_SET, set, {
    replicas: pods.length,
    ...(pods.length > 0 ? { fullyLabeledReplicas: pods.length } : {}),
    ...(ready > 0 ? { readyReplicas: ready, availableReplicas: ready } : {}),
    observedGeneration: set.metadata.generation ?? 1,
  });
};

const createSet = (cluster: Cluster, deployment: KubeObject, hash: string, revision: number): KubeObject => {
  const template = dict(spec(deployment).template);
  const labels = { ...dict(at(template, 'metadata', 'labels')), [HASH]: hash };
  const selector = dict(spec(deployment).selector);
  return createObject(
    cluster,
    REPLICA_SET,
    namespaceOf(deployment),
    {
      metadata: {
        name: `${deployment.metadata.name}-${hash}`,
        labels,
        annotations: { [REVISION]: String(revision) },
        ownerReferences: [ownerReference(deployment)],
      },
      spec: {
        replicas: 0,
        selector: { ...selector, matchLabels: { ...dict(selector.matchLabels), [HASH]: hash } },
        template: { ...template, metadata: { ...dict(template.metadata), labels } },
      },
    },
    systemContext(),
  );
};

const scaleSet = (cluster: Cluster, deployment: KubeObject, set: KubeObject, replicas: number): KubeObject => {
  if (replicasOf(set) === replicas) return set;
  const verb = replicasOf(set) < replicas ? 'up' : 'down';
  recordEvent(cluster, deployment, {
    type: 'Normal',
    reason: 'ScalingReplicaSet',
    message: `Scaled ${verb} replica set ${set.metadata.name} from ${replicasOf(set)} to ${replicas}`,
    component: 'deployment-controller',
  });
  return cluster.store.put(REPLICA_SET, {
    ...set,
    metadata: { ...set.metadata, generation: (set.metadata.generation ?? 1) + 1 },
    spec: { ...spec(set), replicas },
  });
};

const revisionOf = (set: KubeObject): number => Number(set.metadata.annotations?.[REVISION] ?? 0);

/** Moves replicas from old sets to the new one, as far as surge and unavailability allow at this moment. */
const roll = (cluster: Cluster, deployment: KubeObject, current: KubeObject, old: KubeObject[]): void => {
  const wanted = replicasOf(deployment);
  const strategy = dict(spec(deployment).strategy);
  const recreate = strategy.type === 'Recreate';
  const surge = recreate ? 0 : portion(at(strategy, 'rollingUpdate', 'maxSurge'), wanted, true);
  const unavailable = recreate ? wanted : portion(at(strategy, 'rollingUpdate', 'maxUnavailable'), wanted, false);
  const gap = Math.max(unavailable, surge === 0 && unavailable === 0 ? 1 : 0);
  const oldTotal = old.reduce((sum, s) => sum + replicasOf(s), 0);
  const room = recreate && old.some((s) => number(status(s).replicas, 0) > 0) ? 0 : wanted + surge - oldTotal;
  const grown = scaleSet(
    cluster,
    deployment,
    current,
    oldTotal === 0 ? wanted : Math.max(replicasOf(current) > wanted ? wanted : replicasOf(current), Math.min(wanted, room)),
  );
  let spare = readyOf(grown) + old.reduce((sum, s) => sum + readyOf(s), 0) - (wanted - gap);
  for (const set of old.toSorted((a, b) => readyOf(a) - readyOf(b))) {
    const broken = replicasOf(set) - readyOf(set);
    const fewer = Math.min(replicasOf(set), Math.max(0, broken) + Math.max(0, Math.min(spare, readyOf(set))));
    spare -= Math.max(0, fewer - broken);
    if (fewer > 0) scaleSet(cluster, deployment, set, replicasOf(set) - fewer);
  }
};

const deploymentStatus = (cluster: Cluster, deployment: KubeObject, current: KubeObject, sets: KubeObject[]): Dict => {
  const sum = (field: string, of: KubeObject[]): number => of.reduce((total, s) => total + number(status(s)[field], 0), 0);
  const [wanted, total, ready, updated] = [
    replicasOf(deployment),
    sum('replicas', sets),
    sum('readyReplicas', sets),
    sum('replicas', [current]),
  ];
  const now = timestamp(cluster.now());
  const strategy = dict(spec(deployment).strategy);
  // Only a rolling update may lack pods; with Recreate all are to be ready.
  const unavailable = strategy.type === 'Recreate' ? 0 : portion(at(strategy, 'rollingUpdate', 'maxUnavailable'), wanted, false);
  const available = ready >= wanted - unavailable;
  const done = updated === wanted && total === wanted && ready === wanted;
  const conditions = withCondition(
    status(deployment).conditions,
    available
      ? { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    now,
  );
  const progress = done
    ? { reason: 'NewReplicaSetAvailable', message: `ReplicaSet "${current.metadata.name}" has successfully progressed.` }
    : { reason: 'ReplicaSetUpdated', message: `ReplicaSet "${current.metadata.name}" is progressing.` };
  return {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...(total > 0 ? { replicas: total } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready, availableReplicas: ready } : {}),
    ...(wanted > ready ? { unavailableReplicas: wanted - ready } : {}),
    conditions: withCondition(conditions, { type: 'Progressing', status: 'True', ...progress }, now),
  };
};

export const reconcileDeployment = (cluster: Cluster, namespace: string, name: string): void => {
  const deployment = cluster.store.get(DEPLOYMENT, namespace, name);
  if (!deployment || deployment.metadata.deletionTimestamp) return;
  const hash = templateHash(spec(deployment).template);
  const sets = ownedBy(cluster, REPLICA_SET, deployment).filter((s) => !s.metadata.deletionTimestamp);
  const highest = Math.max(0, ...sets.map(revisionOf));
  let current = sets.find((s) => labelsOf(s)[HASH] === hash);
  if (!current) current = createSet(cluster, deployment, hash, highest + 1);
  else if (revisionOf(current) < highest) {
    current = cluster.store.put(REPLICA_SET, {
      ...current,
      metadata: { ...current.metadata, annotations: { ...current.metadata.annotations, [REVISION]: String(highest + 1) } },
    });
  }
  const revision = current.metadata.annotations?.[REVISION] ?? '1';
  let live = deployment;
  if (deployment.metadata.annotations?.[REVISION] !== revision) {
    live = cluster.store.put(DEPLOYMENT, {
      ...deployment,
      metadata: { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: revision } },
    });
  }
  const old = sets.filter((s) => s.metadata.uid !== current.metadata.uid);
  roll(cluster, live, current, old);
  const fresh = ownedBy(cluster, REPLICA_SET, live);
  putStatus(
    cluster,
    DEPLOYMENT,
    live,
    deploymentStatus(cluster, live, fresh.find((s) => s.metadata.uid === current.metadata.uid) ?? current, fresh),
  );
  const empty = old
    .filter((s) => replicasOf(s) === 0 && number(status(s).replicas, 0) === 0)
    .toSorted((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of empty.slice(0, Math.max(0, empty.length - number(spec(live).revisionHistoryLimit, 10))))
    removeQuietly(cluster, REPLICA_SET, set);
};
