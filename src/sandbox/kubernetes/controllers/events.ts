/** Events on objects, as `kubectl describe` shows them; the same event again raises its count. */
import { createHash, randomUUID } from 'node:crypto';
import type { Cluster } from '../cluster.ts';
import { EVENT } from '../kinds.ts';
import { type KubeObject, namespaceOf, number, timestamp } from '../objects.ts';

/** `component` is the source, such as kubelet or default-scheduler. */
export const recordEvent = (
  cluster: Cluster,
  about: KubeObject,
  event: { type: 'Normal' | 'Warning'; reason: string; message: string; component: string },
): void => {
  const namespace = namespaceOf(about) || 'default';
  const id = createHash('sha1').update(`${about.metadata.uid}${event.reason}${event.message}`).digest('hex').slice(0, 16);
  const name = `${about.metadata.name}.${id}`;
  const now = timestamp(cluster.now());
  const known = cluster.store.get(EVENT, namespace, name);
  if (known) {
    cluster.store.put(EVENT, { ...known, count: number(known.count, 1) + 1, lastTimestamp: now });
    return;
  }
  cluster.store.put(EVENT, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace, uid: randomUUID(), resourceVersion: '0', creationTimestamp: now },
    involvedObject: {
      apiVersion: about.apiVersion,
      kind: about.kind,
      name: about.metadata.name,
      namespace,
      uid: about.metadata.uid,
      resourceVersion: about.metadata.resourceVersion,
    },
    type: event.type,
    reason: event.reason,
    message: event.message,
    source: { component: event.component },
    reportingComponent: event.component,
    reportingInstance: '',
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  });
};
