/** Whether pods on different workers, and a Service by its name, can be reached from every worker. */
import { expect } from 'vitest';
import { applyObjects, type Kubectl } from './outside.ts';
import { until } from './run.ts';
import type { Story } from './story.ts';
import { askingPod, echoObjects } from './workload.ts';

interface PodSeen {
  metadata: { name: string };
  spec: { nodeName: string };
  status: { phase: string; podIP: string };
}

/** Leaves its objects there: the Deployment `echo` with a pod on every worker, its Service, and pods `asking-0` and so on. */
export const expectWorkersReach = async (story: Story, kubectl: Kubectl, kubeconfigPath: string, workers: number): Promise<void> => {
  const listPods = async (label: string) =>
    (JSON.parse(await kubectl('get', 'pods', '-l', label, '-o', 'json')) as { items: PodSeen[] }).items;
  await applyObjects(story.world, kubeconfigPath, echoObjects(workers));
  await kubectl('rollout', 'status', 'deployment/echo', '--timeout=180s', '--request-timeout=0');
  const echoes = await listPods('app=echo');
  expect(new Set(echoes.map((pod) => pod.spec.nodeName)).size).toBe(workers);
  const urls = [...echoes.map((pod) => `http://${pod.status.podIP}:8080/`), 'http://echo.default.svc.cluster.local/', 'http://echo/'];
  await applyObjects(
    story.world,
    kubeconfigPath,
    echoes.map((pod, i) => askingPod(`asking-${i}`, pod.spec.nodeName, urls)),
  );
  await until('every asking pod has reached every address', 120, async () => {
    const pods = await listPods('app=asking');
    if (pods.length === workers && pods.every((pod) => pod.status.phase === 'Succeeded')) return true;
    throw new Error(JSON.stringify(pods.map(({ metadata, status }) => [metadata.name, status])));
  });
};
