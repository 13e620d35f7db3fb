import { expect, test } from 'vitest';
import { addNode } from './live.ts';
import { watchStatements } from './matrix/database.ts';
import { makeCluster, openWorld } from './world.ts';

test('twenty clusters in all their parts cost one statement a level, and two hundred nodes no more', async () => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  for (let i = 0; i < 20; i += 1) {
    const cluster = await makeCluster(world, 'anna', `c-${i}`);
    const at = { clusterId: cluster.uuid, nodeGroupId: cluster.nodeGroup.uuid, projectId: 'blue' };
    for (let n = 0; n < 10; n += 1) await addNode(world, at, `${i}-${n}`);
  }
  statements.length = 0;
  const { clusters } = await world.data<{
    clusters: { nodes: { nodeGroups: { nodes: { nodes: { nodes: { conditions: unknown[] }[] } }[] } }[] };
  }>(
    'anna',
    '{ clusters(first: 20) { nodes { name nodeGroups(first: 5) { nodes { name nodes(first: 20) { nodes { name conditions { name } cluster { name } } } } } } } }',
  );
  expect(clusters.nodes.flatMap((c) => c.nodeGroups.nodes.flatMap((g) => g.nodes.nodes))).toHaveLength(200);
  // clusters, node groups, nodes, conditions, and the clusters that nodes point back to.
  expect(statements).toHaveLength(5);

  statements.length = 0;
  await world.data(
    'anna',
    '{ clusters(first: 20) { nodes { conditions { name } operations(first: 3) { nodes { state } } events(first: 5) { nodes { number } } resources { nodes { name } } template { name revisions { revision } } templateRevision { revision } } } }',
  );
  // clusters; conditions, operations, events, resources, templates, revisions by key; revisions by template.
  expect(statements).toHaveLength(8);
});
