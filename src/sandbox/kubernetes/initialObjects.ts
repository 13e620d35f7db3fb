/** What an API server makes in an empty store: its namespaces and the `kubernetes` Service. */
import { randomUUID } from 'node:crypto';
import { addressText, parseCidr, parseRanges } from './addresses.ts';
import type { Cluster } from './cluster.ts';
import { systemContext } from './controllers/ownedPods.ts';
import { ENDPOINTS, NAMESPACE, SERVICE } from './kinds.ts';
import { sameJson, timestamp } from './objects.ts';
import { createObject } from './resources.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Idempotent. `endpoints`: the advertised addresses that `default/kubernetes` leads to. */
export const ensureInitialObjects = (cluster: Cluster, endpoints: readonly string[], port: number): void => {
  for (const name of NAMESPACES)
    if (!cluster.store.get(NAMESPACE, '', name)) createObject(cluster, NAMESPACE, '', { metadata: { name } }, systemContext());
  const first = addressText((parseCidr(parseRanges(cluster.serviceCidr)?.ipv4 ?? '')?.base ?? 0) + 1);
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  if (!cluster.store.get(SERVICE, 'default', 'kubernetes')) {
    createObject(
      cluster,
      SERVICE,
      'default',
      {
        metadata: { name: 'kubernetes', labels },
        spec: { clusterIP: first, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }] },
      },
      systemContext(),
    );
  }
  const known = cluster.store.get(ENDPOINTS, 'default', 'kubernetes');
  const subsets = [{ addresses: endpoints.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }];
  if (known && sameJson(known.subsets, subsets)) return;
  const metadata = known?.metadata ?? {
    name: 'kubernetes',
    namespace: 'default',
    uid: randomUUID(),
    resourceVersion: '0',
    creationTimestamp: timestamp(cluster.now()),
    labels,
  };
  cluster.store.put(ENDPOINTS, { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets });
};
