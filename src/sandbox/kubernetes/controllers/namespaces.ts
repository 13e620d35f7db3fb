/** What every namespace gets when it is made, and how it goes away. */
import type { Cluster } from '../cluster.ts';
import { sweepNamespace } from '../deletion.ts';
import { CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT } from '../kinds.ts';
import { dict } from '../objects.ts';
import { createObject } from '../resources.ts';
import { systemContext } from './ownedPods.ts';

/** `rootCa`: the PEM that pods of the cluster trust, or undefined when no root CA file was given. Returns true while the namespace still holds something. */
export const reconcileNamespace = (cluster: Cluster, name: string, rootCa: string | undefined): boolean => {
  const namespace = cluster.store.get(NAMESPACE, '', name);
  if (!namespace) return false;
  if (namespace.metadata.deletionTimestamp) return sweepNamespace(cluster, name) === 'waiting';
  if (!cluster.store.get(SERVICE_ACCOUNT, name, 'default'))
    createObject(cluster, SERVICE_ACCOUNT, name, { metadata: { name: 'default' } }, systemContext());
  if (rootCa === undefined) return false;
  const known = cluster.store.get(CONFIG_MAP, name, 'kube-root-ca.crt');
  if (!known)
    createObject(cluster, CONFIG_MAP, name, { metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': rootCa } }, systemContext());
  else if (dict(known.data)['ca.crt'] !== rootCa) cluster.store.put(CONFIG_MAP, { ...known, data: { 'ca.crt': rootCa } });
  return false;
};
