/** What pods ask of their nodes, as the scheduler counts it: whether another finds a place is decided by that, and not by what is used. */
import type { V1Container, V1Pod } from '@kubernetes/client-node';
import type { Kubernetes } from './connection.ts';
import { parseQuantity } from './quantity.ts';

export interface PodRequests {
  cpuMillis: number;
  memoryMiB: number;
}

interface Amount {
  cpu: number;
  memory: number;
}

/** Of all pods that are on these nodes, or wait for one. */
export const sumPodRequests = async (k: Kubernetes, nodeNames: ReadonlySet<string>): Promise<PodRequests> => {
  const total: Amount = { cpu: 0, memory: 0 };
  // Page by page: a seed has thousands of pods, and only a sum is kept.
  for await (const page of k.pages({ apiVersion: 'v1', kind: 'Pod' })) {
    for (const object of page) {
      const pod = object as unknown as V1Pod;
      const { nodeName } = pod.spec ?? {};
      if (nodeName !== undefined && !nodeNames.has(nodeName)) continue;
      const { cpu, memory } = requestsOfPod(pod);
      total.cpu += cpu;
      total.memory += memory;
    }
  }
  return { cpuMillis: Math.round(total.cpu * 1_000), memoryMiB: Math.ceil(total.memory / 2 ** 20) };
};

/** Containers run side by side, and beside them what was begun before and goes on (sidecars); the others that come first run alone. */
export const requestsOfPod = ({ spec, status }: V1Pod): Amount => {
  const none: Amount = { cpu: 0, memory: 0 };
  if (spec === undefined || status?.phase === 'Succeeded' || status?.phase === 'Failed') return none;
  let sidecars = none;
  let most = none;
  for (const container of spec.initContainers ?? []) {
    const alone = plus(sidecars, requestsOf(container));
    most = larger(most, alone);
    if (container.restartPolicy === 'Always') sidecars = alone;
  }
  const beside = (spec.containers ?? []).map(requestsOf).reduce(plus, sidecars);
  return plus(larger(most, beside), amountOf(spec.overhead));
};

const requestsOf = ({ resources }: V1Container): Amount => amountOf(resources?.requests);

const amountOf = (list: { [name: string]: string } | undefined): Amount => ({
  cpu: parseQuantity(list?.['cpu']) ?? 0,
  memory: parseQuantity(list?.['memory']) ?? 0,
});

const plus = (a: Amount, b: Amount): Amount => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory });
const larger = (a: Amount, b: Amount): Amount => ({ cpu: Math.max(a.cpu, b.cpu), memory: Math.max(a.memory, b.memory) });
