/** What a cluster is asked for that the next minor release does not serve is told before anybody upgrades it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kubernetes } from '../../src/seeds/connection.ts';
import { run } from '../cli/run.ts';
import { addRelease, forgetReleases } from '../domain/newerRelease.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('blue', { nodeCount: 0 });
});
afterAll(() => living?.close());
afterAll(forgetReleases);

const access = async (): Promise<Kubernetes> => {
  const input = { clusterId, role: 'ADMIN' };
  const kube = living.tenant(
    (await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', input, 'kubeconfig')).kubeconfig,
  );
  // It opens something once a pass has bound it.
  await until(async () => (await kube.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).items.length > 0);
  return kube;
};
interface Shown {
  deprecatedApis: { group: string; version: string; resource: string; removedIn: string | null }[];
  upgradeTargets: { version: string; removedApis: { resource: string }[] }[];
}
const shown = async (): Promise<Shown> =>
  (
    await living.ask<{ cluster: Shown }>(
      living.member,
      `{ cluster(id: "${clusterId}") { deprecatedApis { group version resource removedIn }
         upgradeTargets { version removedApis { resource } } } }`,
    )
  ).cluster;

test('it is told with its resource and the release that takes it away, for that release alone', async () => {
  const kube = await access();
  expect((await kube.raw('/apis/storage.k8s.io/v1beta1/volumeattributesclasses')).status).toBe(200);
  const lookNow = () => {
    living.write(`update clusters set created_at = 1, deprecated_apis = null where id = '${clusterId}'`);
    living.wake(clusterId);
  };
  lookNow();
  const asked = { group: 'storage.k8s.io', version: 'v1beta1', resource: 'volumeattributesclasses', removedIn: '1.37' };
  await until(async () => (await shown()).deprecatedApis.length > 0);
  expect((await shown()).deprecatedApis).toContainEqual(asked);
  addRelease('v1.36.4');
  addRelease('v1.37.0');
  const { upgradeTargets } = await shown();
  expect(upgradeTargets.map(({ version, removedApis }) => [version, removedApis])).toEqual([
    ['v1.37.0', [{ resource: asked.resource }]],
    ['v1.36.4', []],
  ]);
  const { out } = await run(['cluster', 'upgrade', 'blue', '--plan'], { SEEDBED_URL: living.served.url, OS_TOKEN: living.member });
  expect(out.match(/^Warning: .*volumeattributesclasses of storage\.k8s\.io\/v1beta1, which Kubernetes 1\.37 .*$/gm)).toHaveLength(1);
});

test('where the API server shows no metrics the cluster is as well as before, and is asked again', async () => {
  await living.control('POST', 'faults', { service: 'hosted', path: '^/metrics', kind: 'status', status: 503 });
  living.write(`update clusters set deprecated_apis = json_set(deprecated_apis, '$.lookedAt', 1) where id = '${clusterId}'`);
  living.wake(clusterId);
  const condition = () =>
    living.rows<{ state: string; message: string }>(
      `select state, message from conditions where object_id = '${clusterId}' and name = 'DeprecatedApisSeen'`,
    )[0];
  await until(() => condition()?.message.startsWith('The API server does not show its metrics'));
  expect(condition()?.state).toBe('DONE');
  await living.settled(clusterId);
  await living.control('DELETE', 'faults');
  living.wake(clusterId);
  await until(() => condition()?.message === '');
  expect((await shown()).deprecatedApis.map(({ resource }) => resource)).toContain('volumeattributesclasses');
});
