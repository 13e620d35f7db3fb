/** Endpoints and EndpointSlices of Services with selectors. */
import { randomUUID } from 'node:crypto';
import type { Cluster } from '../cluster.ts';
import { ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE } from '../kinds.ts';
import {
  type Dict,
  dict,
  dicts,
  type KubeObject,
  labelsOf,
  number,
  ownerReference,
  sameJson,
  spec,
  status,
  text,
  timestamp,
} from '../objects.ts';
import { mapMatch } from '../selectors.ts';
import { isActive, isReady } from './ownedPods.ts';

/** The container port a Service port leads to: a number, or the name of a port of the pod. */
export const targetPort = (port: Dict, pod: KubeObject): number | undefined => {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const named = dicts(spec(pod).containers)
    .flatMap((c) => dicts(c.ports))
    .find((p) => p.name === target);
  return named ? number(named.containerPort, 0) : undefined;
};

/** Pods behind a Service, ready or not. */
export const podsBehind = (cluster: Cluster, service: KubeObject): KubeObject[] => {
  const match = mapMatch(spec(service).selector);
  return cluster.store.list(POD, service.metadata.namespace).filter((p) => isActive(p) && match(labelsOf(p)));
};

export const isListedReady = (service: KubeObject, pod: KubeObject): boolean =>
  spec(service).publishNotReadyAddresses === true || isReady(pod);

const endpointOf = (pod: KubeObject): Dict => ({
  ip: status(pod).podIP,
  nodeName: spec(pod).nodeName,
  targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
});

const subsets = (service: KubeObject, pods: KubeObject[]): Dict[] => {
  if (pods.length === 0) return [];
  const [ready, waiting] = [pods.filter((p) => isListedReady(service, p)), pods.filter((p) => !isListedReady(service, p))];
  const first = pods[0];
  const ports = dicts(spec(service).ports).map((p) => ({
    ...(p.name ? { name: p.name } : {}),
    port: first ? targetPort(p, first) : p.port,
    protocol: text(p.protocol) || 'TCP',
  }));
  return [
    {
      ...(ready.length > 0 ? { addresses: ready.map(endpointOf) } : {}),
      ...(waiting.length > 0 ? { notReadyAddresses: waiting.map(endpointOf) } : {}),
      ports,
    },
  ];
};

const sliceOf = (service: KubeObject, pods: KubeObject[]): Dict => ({
  addressType: 'IPv4',
  endpoints: pods.map((p) => ({
    addresses: [status(p).podIP],
    conditions: { ready: isListedReady(service, p), serving: isReady(p), terminating: false },
    nodeName: spec(p).nodeName,
    targetRef: endpointOf(p).targetRef,
  })),
  ports: dicts(spec(service).ports).map((p) => ({
    name: text(p.name),
    port: pods[0] ? targetPort(p, pods[0]) : p.port,
    protocol: text(p.protocol) || 'TCP',
  })),
});

const put = (
  cluster: Cluster,
  kind: typeof ENDPOINTS,
  service: KubeObject,
  name: string,
  body: Dict,
  labels: Record<string, string>,
): void => {
  const namespace = service.metadata.namespace ?? '';
  const known = cluster.store.get(kind, namespace, name);
  const wanted = { ...body };
  if (known && Object.keys(wanted).every((k) => sameJson(known[k], wanted[k]))) return;
  const metadata = known?.metadata ?? {
    name,
    namespace,
    uid: randomUUID(),
    resourceVersion: '0',
    creationTimestamp: timestamp(cluster.now()),
    labels,
    ownerReferences: [ownerReference(service)],
  };
  cluster.store.put(kind, { apiVersion: kind === ENDPOINTS ? 'v1' : 'discovery.k8s.io/v1', kind: kind.kind, metadata, ...wanted });
};

export const reconcileEndpoints = (cluster: Cluster, namespace: string, name: string): void => {
  const service = cluster.store.get(SERVICE, namespace, name);
  if (!service || Object.keys(dict(spec(service).selector)).length === 0) return;
  const pods = podsBehind(cluster, service).filter((p) => text(status(p).podIP) !== '');
  put(cluster, ENDPOINTS, service, name, { subsets: subsets(service, pods) }, labelsOf(service));
  put(cluster, ENDPOINT_SLICE, service, `${name}-sandbox`, sliceOf(service, pods), {
    ...labelsOf(service),
    'kubernetes.io/service-name': name,
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
  });
};
