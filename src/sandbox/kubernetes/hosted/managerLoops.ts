/** The loops that a hosted cluster's controller manager and scheduler run while they lead. */
import { randomUUID } from 'node:crypto';
import type { Cluster } from '../cluster.ts';
import { startControllers, startScheduler } from '../controllers/controllerManager.ts';
import { createWorkQueue } from '../controllers/workQueue.ts';
import { CONFIG_MAP, CSR, LEASE, SECRET } from '../kinds.ts';
import { number, spec, text } from '../objects.ts';
import type { ManagerConfig } from './components.ts';
import { approveRequest, cleanTokens, signRequest, signTokens } from './signing.ts';

/** Real leaders renew every 2 s. Nobody reads that often here, and a thousand clusters would write without end. */
const RENEW_MS = 60_000;
const LONGEST_TIMER_MS = 2_000_000_000;

/** Holds the leader's lease and renews it. */
const holdLease = (cluster: Cluster, name: string, holder: string): (() => void) => {
  const renew = (): void => {
    const known = cluster.store.get(LEASE, 'kube-system', name);
    const now = new Date(cluster.now()).toISOString().replace('Z', '000Z');
    const same = known !== undefined && spec(known).holderIdentity === holder;
    cluster.store.put(LEASE, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: known?.metadata ?? {
        name,
        namespace: 'kube-system',
        uid: randomUUID(),
        resourceVersion: '0',
        creationTimestamp: now.replace(/\.\d+Z/, 'Z'),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: 15,
        acquireTime: same ? text(spec(known).acquireTime) : now,
        renewTime: now,
        leaseTransitions: known && !same ? number(spec(known).leaseTransitions, 0) + 1 : number(known && spec(known).leaseTransitions, 0),
      },
    });
  };
  renew();
  const timer = setInterval(renew, RENEW_MS);
  return () => clearInterval(timer);
};

const startSigning = (cluster: Cluster, config: ManagerConfig): (() => void) => {
  const authority = { certPem: config.signingCertPem, keyPem: config.signingKeyPem };
  const fail = (error: unknown, key: string): void =>
    cluster.log.error({ err: error, cluster: cluster.id, key }, 'a simulated certificate controller failed');
  const queue = createWorkQueue((key) => {
    if (key === 'tokens') {
      const next = config.cleansTokens ? cleanTokens(cluster) : undefined;
      if (config.signsClusterInfo) signTokens(cluster);
      if (next !== undefined) queue.addAfter('tokens', Math.min(next + 50, LONGEST_TIMER_MS));
      return;
    }
    const request = cluster.store.get(CSR, '', key);
    if (!request) return;
    approveRequest(cluster, request);
    const live = cluster.store.get(CSR, '', key);
    if (live) signRequest(cluster, live, authority);
  }, fail);
  const unsubscribe = cluster.store.subscribe(({ kind, type, object }) => {
    if (kind === CSR && type !== 'DELETED') queue.add(object.metadata.name);
    const token = kind === SECRET && object.metadata.name.startsWith('bootstrap-token-');
    if (token || (kind === CONFIG_MAP && object.metadata.name === 'cluster-info')) queue.add('tokens');
  });
  queue.add('tokens');
  for (const request of cluster.store.list(CSR)) queue.add(request.metadata.name);
  return () => {
    unsubscribe();
    queue.close();
  };
};

export const startManagerLoops = (cluster: Cluster, config: ManagerConfig): (() => void) => {
  const stops = [
    holdLease(cluster, 'kube-controller-manager', config.holder),
    startControllers(cluster, { rootCa: config.rootCaPem }),
    startSigning(cluster, config),
  ];
  return () => {
    for (const stop of stops) stop();
  };
};

export const startSchedulerLoops = (cluster: Cluster, holder: string): (() => void) => {
  const stops = [holdLease(cluster, 'kube-scheduler', holder), startScheduler(cluster)];
  return () => {
    for (const stop of stops) stop();
  };
};
