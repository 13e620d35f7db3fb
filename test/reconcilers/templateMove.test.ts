/** A living cluster follows its template: the version, the image that carries it and an addon in one act, and each worker is replaced once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving({ drainSeconds: '15' }, { image: 'debian-12', kubernetesVersion: 'v1.35.4' });
});
afterAll(() => world?.close());

interface Plan {
  cluster: {
    templateMove: {
      changes: { field: string; to: string; possible: boolean }[];
      nodeGroups: { nodes: number; settings: string[] }[];
      upgrade: { version: string } | null;
      problem: { message: string } | null;
    } | null;
  };
}

test('version, image and an addon come with a revision, and no worker is replaced twice', async () => {
  const id = await world.makeCluster('follow', { nodeCount: 1 });
  const all = () => world.rows<{ name: string; kubelet: string }>('select name, kubelet_version as kubelet from nodes order by created_at');
  const [first] = all();
  const change = { image: 'debian-12-node', kubernetesVersion: 'v1.36.3', addons: { metricsServer: { enabled: true } } };
  await world.change(world.admin, 'updateClusterTemplate', { clusterTemplateId: 'small', ...change }, 'clusterTemplate { revision }');
  const fields = 'changes { field to possible } nodeGroups { nodes settings } upgrade { version } problem { message }';
  const { cluster } = await world.ask<Plan>(world.member, `{ cluster(id: "${id}") { templateMove { ${fields} } } }`);
  expect(cluster.templateMove?.changes).toEqual(
    expect.arrayContaining([
      { field: 'image', to: '"debian-12-node"', possible: true },
      { field: 'kubernetesVersion', to: '"v1.36.3"', possible: true },
      { field: 'addons.metricsServer.enabled', to: 'true', possible: true },
    ]),
  );
  expect(cluster.templateMove).toMatchObject({
    nodeGroups: [{ nodes: 1, settings: ['image'] }],
    upgrade: { version: 'v1.36.3' },
    problem: null,
  });
  const none = await world.ask<Plan>(world.member, `{ cluster(id: "${id}") { templateMove(clusterTemplate: "none") { ${fields} } } }`);
  expect(none.cluster.templateMove).toBeNull();

  const { operation } = await world.change<{ operation: { uuid: string } }>(
    world.member,
    'moveClusterToTemplate',
    { clusterId: id },
    'operation { uuid }',
  );
  await until(() => world.rows<{ state: string }>(`select state from operations where id = '${operation.uuid}'`)[0]?.state === 'SUCCEEDED');
  expect(all()).toEqual([first, { name: expect.any(String), kubelet: 'v1.36.3' }]);
  expect(world.rows(`select running_version as version, template_revision as revision from clusters where id = '${id}'`)).toEqual([
    { version: 'v1.36.3', revision: 2 },
  ]);
});
