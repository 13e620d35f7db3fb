/** CustomResourceDefinitions: established at once, and with them go the objects of their kinds. In life the API server itself does both. */
import type { Cluster } from '../cluster.ts';
import { kindsOfDefinition } from '../customKinds.ts';
import { CUSTOM_RESOURCE_DEFINITION } from '../kinds.ts';
import { dicts, type KubeObject, namespaceOf, spec, status, text, timestamp, withCondition } from '../objects.ts';
import { putStatus } from './ownedPods.ts';

export const reconcileDefinition = (cluster: Cluster, _namespace: string, name: string): void => {
  const definition = cluster.store.get(CUSTOM_RESOURCE_DEFINITION, '', name);
  if (!definition) return;
  const now = timestamp(cluster.now());
  const accepted = { type: 'NamesAccepted', status: 'True' as const, reason: 'NoConflicts', message: 'no conflicts found' };
  const established = {
    type: 'Established',
    status: 'True' as const,
    reason: 'InitialNamesAccepted',
    message: 'the initial names have been accepted',
  };
  putStatus(cluster, CUSTOM_RESOURCE_DEFINITION, definition, {
    conditions: withCondition(withCondition(status(definition).conditions, accepted, now), established, now),
    acceptedNames: spec(definition).names,
    storedVersions: dicts(spec(definition).versions)
      .filter((v) => v.storage === true)
      .map((v) => text(v.name)),
  });
};

export const removeObjectsOf = (cluster: Cluster, definition: KubeObject): void => {
  for (const kind of kindsOfDefinition(definition))
    for (const object of cluster.store.list(kind)) cluster.store.remove(kind, namespaceOf(object), object.metadata.name);
};
