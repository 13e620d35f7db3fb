import type { V1Pod } from '@kubernetes/client-node';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { openKubernetes } from '../../src/seeds/connection.ts';
import { requestsOfPod, sumPodRequests } from '../../src/seeds/podRequests.ts';
import { type Api, json, startApi } from './tlsServer.ts';

let api: Api | undefined;
afterEach(() => api?.close());

const asks = (cpu: string, memory: string, more: object = {}) => ({ name: 'c', resources: { requests: { cpu, memory } }, ...more });
const pod = (spec: object, phase = 'Running') => ({ metadata: { name: 'p', namespace: 'n' }, spec, status: { phase } });
const cpuOf = (spec: object, phase?: string) => requestsOfPod(pod(spec, phase) as unknown as V1Pod).cpu;

test.each<[string, object, number]>([
  ['its containers together', { containers: [asks('100m', '1Gi'), asks('200m', '1Gi')] }, 0.3],
  ['the first one alone, when it asks for more', { initContainers: [asks('1', '1Gi')], containers: [asks('100m', '1Gi')] }, 1],
  [
    'a sidecar beside both',
    { initContainers: [asks('50m', '1Mi', { restartPolicy: 'Always' }), asks('400m', '1Mi')], containers: [asks('100m', '1Mi')] },
    0.45,
  ],
  ['its runtime, too', { containers: [asks('100m', '1Mi')], overhead: { cpu: '20m' } }, 0.12],
  ['nothing that is not said', { containers: [{ name: 'c' }] }, 0],
])('a pod asks for %s', (_what, spec, cpu) => {
  expect(cpuOf(spec)).toBeCloseTo(cpu);
});

test('a pod that has ended asks for nothing', () => {
  const spec = { containers: [asks('1', '1Gi')] };
  expect([cpuOf(spec, 'Succeeded'), cpuOf(spec, 'Failed'), cpuOf(spec, 'Pending')]).toEqual([0, 0, 1]);
});

test('those on the nodes and those that wait for one are counted, page by page; those elsewhere are not', async () => {
  let pages = 0;
  const started = await startApi((_request, response) => {
    const on = (nodeName: string | undefined) => pod({ nodeName, containers: [asks('250m', '512Mi')] });
    pages += 1;
    if (pages === 2) return json(response, 200, { metadata: {}, items: [on('a'), on('cordoned')] });
    json(response, 200, { metadata: { continue: 'more' }, items: [on('a'), on(undefined)] });
  });
  api = started;
  const k = openKubernetes({ access: started.access, clock: systemClock, policy: { allowPrivate: true, allowLoopback: true } });
  expect(await sumPodRequests(k, new Set(['a']))).toEqual({ cpuMillis: 750, memoryMiB: 1_536 });
  k.close();
});
