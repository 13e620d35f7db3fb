/** Which volumes of etcd members hold the same data. */
import { expect, test } from 'vitest';
import { createEtcdClusters, type EtcdCluster } from '../../src/sandbox/kubernetes/hosted/etcdClusters.ts';

const list = [0, 1, 2].map((n) => ({ name: `etcd-${n}`, url: `https://etcd-${n}:2380` }));
const member = (n: number, volume: string) => ({ namespace: 'kc-a', token: 'a', name: `etcd-${n}`, volume, state: 'new', list });

test('members restored from another snapshot hold that, while volumes of the one before are still on their way out', () => {
  const clusters = createEtcdClusters(new Map<string, EtcdCluster>() as unknown as Parameters<typeof createEtcdClusters>[0]);
  const restored = (n: number, volume: string, floor: number) => clusters.restore(member(n, volume), floor);
  expect([restored(0, 'old-0', 100), restored(1, 'old-1', 100), restored(2, 'old-2', 100)]).toEqual(['old-0', undefined, undefined]);
  expect(clusters.lose('old-0')).toBeUndefined();
  expect([restored(0, 'new-0', 200), clusters.lose('old-1'), restored(1, 'new-1', 200)]).toEqual(['new-0', undefined, undefined]);
  expect(clusters.lose('old-2')).toBe('old-0');
  expect(restored(2, 'new-2', 200)).toBeUndefined();
  const running = clusters.admit(member(2, 'new-2'), () => true);
  expect([running.dataId, running.members.map(({ volume }) => volume)]).toEqual(['new-0', ['new-0', 'new-1', 'new-2']]);
});
