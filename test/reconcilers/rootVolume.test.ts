/** A root volume that has a snapshot of the customer's, which Cinder deletes no volume with: no node waits for it, and with the cluster goes what may go. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving();
});
afterAll(() => world?.close());

const volumes = () => `${world.sandbox.authUrl.replace(/\/identity.*$/, '/volume')}/v3/${world.sandbox.users.member.projectId}`;
const call = async (method: string, path: string, body?: object): Promise<Response> =>
  fetch(`${volumes()}/${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-auth-token': world.member },
    ...(body && { body: JSON.stringify(body) }),
  });
const snapshotOf = async (volume_id: string): Promise<string> => {
  const answer = await call('POST', 'snapshots', { snapshot: { volume_id, name: 'by hand', force: true } });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { snapshot: { id: string } }).snapshot.id;
};
const isThere = async (path: string): Promise<boolean> => (await call('GET', path)).status === 200;
const hasSnapshot = async (id: string): Promise<boolean> => (await (await call('GET', 'snapshots/detail')).text()).includes(id);

/** A cluster with one worker, whose root volume has a snapshot. */
const make = async (name: string) => {
  const clusterId = await world.makeCluster(name, { overrides: { rootVolume: { sizeGiB: 20 } } });
  const [node] = world.rows<{ id: string; group: string; volume: string }>(
    `select id, node_group_id as "group", volume_id as volume from nodes where cluster_id = '${clusterId}'`,
  );
  const { id, group, volume } = node ?? { id: '', group: '', volume: '' };
  return { clusterId, nodeId: id, nodeGroupId: group, volume, snapshot: await snapshotOf(volume) };
};
const remove = (clusterId: string, policy: object) => world.change(world.member, 'deleteCluster', { clusterId, policy }, 'cluster { id }');
const deleted = (clusterId: string) =>
  until(() => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
const said = (nodeId: string) =>
  world.rows<{ state: string; message: string }>(
    `select state, message from conditions where object_id = '${nodeId}' and name = 'RootVolumeReady'`,
  )[0];
const reportOf = async (id: string) => {
  const query = 'query($id: ID!) { cluster(id: $id) { leakReport { clean leftovers { kind externalId fate reason } } } }';
  return (await world.ask<{ cluster: { leakReport: object } }>(world.member, query, { id })).cluster.leakReport;
};

test('of a worker that is resized away it stays, named, and goes with its cluster once that may take the snapshot', async () => {
  const { clusterId, nodeId, nodeGroupId, volume, snapshot } = await make('shrinks');
  await world.change(world.member, 'resizeNodeGroup', { nodeGroupId, count: 0 }, 'operation { id }');
  await until(() => world.rows(`select 1 from nodes where id = '${nodeId}' and state = 'DELETED'`).length === 1);
  expect(said(nodeId)).toMatchObject({ state: 'REMOVED', message: expect.stringContaining(`Root volume ${volume} is kept`) });
  const told = world.rows<{ message: string }>(`select message from events where subject_id = '${nodeId}' and message like '%${volume}%'`);
  expect(told.map(({ message }) => message)).toEqual([expect.stringContaining(snapshot)]);
  const query = '{ nodes { kind externalId state } }';
  const { cluster } = await world.ask<{ cluster: { resources: { nodes: object[] } } }>(
    world.member,
    `query($id: ID!) { cluster(id: $id) { resources(first: 50, filter: { services: [VOLUME] }) ${query} } }`,
    { id: clusterId },
  );
  expect(cluster.resources.nodes).toEqual([{ kind: 'volume', externalId: volume, state: 'PRESENT' }]);
  const { volume: live } = (await (await call('GET', `volumes/${volume}`)).json()) as { volume: object };
  expect(live).toMatchObject({ status: 'available', attachments: [] });
  await remove(clusterId, { snapshots: 'DELETE' });
  await deleted(clusterId);
  expect(await reportOf(clusterId)).toEqual({ clean: true, leftovers: [] });
  expect([await isThere(`volumes/${volume}`), await hasSnapshot(snapshot)]).toEqual([false, false]);
});

test('with its cluster it waits for word, and stays or goes by that', async () => {
  const [kept, gone] = [await make('keeps'), await make('drops')];
  for (const { clusterId, nodeId, volume } of [kept, gone]) {
    await remove(clusterId, {});
    await until(() => said(nodeId)?.message.includes(`word on the snapshots of root volume ${volume}`));
    expect(said(nodeId)?.state).toBe('WAITING');
  }
  await remove(kept.clusterId, { snapshots: 'KEEP' });
  await remove(gone.clusterId, { snapshots: 'DELETE' });
  await deleted(kept.clusterId);
  await deleted(gone.clusterId);
  const reason = 'It has a snapshot that was to be kept, as deleteCluster was asked.';
  expect(await reportOf(kept.clusterId)).toEqual({
    clean: true,
    leftovers: [{ kind: 'volume', externalId: kept.volume, fate: 'KEPT', reason }],
  });
  expect(await reportOf(gone.clusterId)).toEqual({ clean: true, leftovers: [] });
  expect(await Promise.all([kept, gone].map(({ volume }) => isThere(`volumes/${volume}`)))).toEqual([true, false]);
  expect([await hasSnapshot(kept.snapshot), await hasSnapshot(gone.snapshot)]).toEqual([true, false]);
});
