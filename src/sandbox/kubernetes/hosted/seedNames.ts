/** Names and addresses as pods in the seed resolve them: Services by DNS name or address, with the pods behind them. */

import type { Cluster } from '../cluster.ts';
import { isListedReady, podsBehind, targetPort } from '../controllers/endpoints.ts';
import { SERVICE } from '../kinds.ts';
import { isConnectionAllowed } from '../networkPolicies.ts';
import { at, dicts, type KubeObject, namespaceOf, spec, text } from '../objects.ts';

/** The seed's name server; the sandbox needs no pod for it. */
const NAME_SERVER: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'coredns',
    namespace: 'kube-system',
    labels: { 'k8s-app': 'kube-dns' },
    uid: '',
    resourceVersion: '',
    creationTimestamp: '',
  },
};

/** Pods that a connection of a pod to host:port may reach, as far as policies let it. Throws what a dialler would log. */
export const resolve = (
  seed: Cluster,
  from: KubeObject,
  host: string,
  port: number,
): { pods: KubeObject[]; targetPort: (pod: KubeObject) => number | undefined } => {
  const labels = host
    .replace(/\.cluster\.local\.?$/, '')
    .replace(/\.svc$/, '')
    .split('.');
  const { service, podName } = findService(seed, namespaceOf(from), host, labels);
  const isName = !/^[\d.]+$/.test(host);
  if (isName && !isConnectionAllowed(seed, { from: { pod: from }, to: { pod: NAME_SERVER }, port: 53, protocol: 'UDP' }))
    throw new Error(`dial tcp: lookup ${host} on 10.96.0.10:53: read udp: i/o timeout`);
  if (!service) throw new Error(`dial tcp: lookup ${host} on 10.96.0.10:53: no such host`);
  const found = dicts(spec(service).ports).find((p) => p.port === port);
  const headless = spec(service).clusterIP === 'None';
  if (!found && !headless) throw new Error(`dial tcp ${host}:${port}: i/o timeout`);
  const pods = podsBehind(seed, service).filter((p) => isListedReady(service, p) && (podName === undefined || p.metadata.name === podName));
  if (pods.length === 0) throw new Error(`dial tcp ${host}:${port}: connect: connection refused`);
  const portOf = (pod: KubeObject): number | undefined => (headless || !found ? port : targetPort(found, pod));
  const open = pods.filter((pod) => isConnectionAllowed(seed, { from: { pod: from }, to: { pod }, port: portOf(pod) ?? port }));
  if (open.length === 0) throw new Error(`dial tcp ${host}:${port}: i/o timeout`);
  return { pods: open, targetPort: portOf };
};

const findService = (
  seed: Cluster,
  namespace: string,
  host: string,
  labels: string[],
): { service: KubeObject | undefined; podName?: string } => {
  if (/^[\d.]+$/.test(host)) {
    const fits = (s: KubeObject): boolean =>
      spec(s).clusterIP === host || dicts(at(s, 'status', 'loadBalancer', 'ingress')).some((i) => i.ip === host);
    return { service: seed.store.list(SERVICE, namespace).find(fits) };
  }
  if (labels.length === 3) return { service: seed.store.get(SERVICE, text(labels[2]), text(labels[1])), podName: text(labels[0]) };
  return { service: seed.store.get(SERVICE, labels[1] ?? namespace, text(labels[0])) };
};
