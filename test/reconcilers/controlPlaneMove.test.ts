/** A control plane goes from one seed to another: data, keys, address, kubeconfig and workers stay. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openKubernetes } from '../../src/seeds/connection.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { freeAddress } from '../autoscaler/freeAddress.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;
let namespace: string;
let kubeconfig: string;
let second: ReturnType<typeof openKubernetes>;
const seeds = { seed: '', second: '' };

beforeAll(async () => {
  const address = await freeAddress();
  living = await openLiving({ backupListen: address, backupAddress: address }, {}, 2);
  clusterId = await living.makeCluster('van', { nodeCount: 2 });
  const text = readFileSync(living.sandbox.seeds[1]?.kubeconfigFile ?? '', 'utf8');
  second = openKubernetes({
    access: parseKubeconfig(text),
    clock: { now: Date.now },
    policy: { allowPrivate: true, allowLoopback: true },
    subject: 'seed',
  });
  await living.change(living.admin, 'registerSeed', { name: 'second', kubeconfig: text }, 'seed { id }');
  await until(() => living.rows("select 1 from seeds where name = 'second' and state = 'READY'").length === 1);
  for (const { id, name } of living.rows<{ id: string; name: 'seed' | 'second' }>('select id, name from seeds')) seeds[name] = id;
  namespace = `kc-${row().short_id}`;
  kubeconfig = (await living.change<{ kubeconfig: string }>(living.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig'))
    .kubeconfig;
  await until(() => mine());
});
afterAll(async () => {
  second?.close();
  await living?.close();
});

interface Row {
  short_id: string;
  seed_id: string;
  endpoint_host: string;
  move: string | null;
}
const row = (): Row => {
  const [found] = living.rows<Row>(`select short_id, seed_id, endpoint_host, move from clusters where id = '${clusterId}'`);
  if (found === undefined) throw new Error('no cluster');
  return found;
};
const moving = (): { phase: string; toSeedId: string } => JSON.parse(row().move ?? '{}');
const phase = (): string => moving().phase;
const move = async (seedId: string): Promise<string> =>
  (await living.change<{ operation: { uuid: string } }>(living.admin, 'moveControlPlane', { clusterId, seedId }, 'operation { uuid }'))
    .operation.uuid;
const stateOf = (id: string) => living.rows<{ state: string }>(`select state from operations where id = '${id}'`)[0]?.state;
const ended = async (operation: string, state = 'SUCCEEDED'): Promise<void> => {
  await until(() => /SUCCEEDED|FAILED|CANCELLED/.test(stateOf(operation) ?? ''));
  expect(stateOf(operation)).toBe(state);
  await living.settled(clusterId);
};
/** From seed to seed and back: the operation that takes it back. */
const calledOff = async (at: string): Promise<string> => {
  const forth = await move(seeds.seed);
  await until(() => phase() === at);
  const back = await move(seeds.second);
  expect(stateOf(forth)).toBe('SUPERSEDED');
  return back;
};
const mine = async (): Promise<string[]> => {
  const { items } = await living.tenant(kubeconfig).list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('mine-'));
};
const keep = (name: string) =>
  living.tenant(kubeconfig).apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: {} });
const machines = () =>
  living.rows(`select name, server_id, created_at from nodes where cluster_id = '${clusterId}' and deleted_at is null`);
/** A Service of somebody else's. */
const balanced = (name: string, loadBalancerIP?: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', ...(loadBalancerIP && { loadBalancerIP }), ports: [{ port: 1, targetPort: 1, protocol: 'TCP' }] },
});
const isIn = async (kube: typeof second): Promise<boolean> =>
  (await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace })) !== undefined;

/** A seed that is slow to answer once is not READY until its next pass, and neither has nor takes anything then. */
const WHILE_BUSY = { timeout: 100_000, interval: 100 };

test('only cloud admins move one, and nothing begins where it could not end', async () => {
  await expect(living.change(living.member, 'moveControlPlane', { clusterId, seedId: seeds.second }, 'operation { id }')).rejects.toThrow(
    /FORBIDDEN/,
  );
  await expect(move(seeds.seed)).rejects.toThrow(/CONFLICT.*in seed seed already/);
  await expect(move('nowhere')).rejects.toThrow(/NOT_FOUND/);
  await living.change(living.admin, 'cordonSeed', { seedId: seeds.second }, 'seed { id }');
  await expect(move(seeds.second)).rejects.toThrow(/CONFLICT.*It is cordoned/);
  await living.change(living.admin, 'uncordonSeed', { seedId: seeds.second }, 'seed { id }');
  living.write(`update seeds set exposure = 'NODE_PORT' where id = '${seeds.second}'`);
  await expect(move(seeds.second)).rejects.toThrow(/INVALID_INPUT.*same exposure/);
  living.write(`update seeds set exposure = 'LOAD_BALANCER' where id = '${seeds.second}'`);
  expect([row().move, living.rows('select 1 from backups')]).toEqual([null, []]);
});

test('it moves through deaths of the server with its data, address and workers, and says how long the API was away', {
  timeout: 240_000,
}, async () => {
  await keep('mine-1');
  // The next address that comes is another one there.
  for (const name of ['one', 'two', 'three']) await second.apply(balanced(name));
  const before = { host: row().endpoint_host, ca: living.pki(clusterId).trust, machines: machines() };
  const operation = await move(seeds.second);
  const pausing = { clusterId, until: new Date(Date.now() + 60_000).toISOString() };
  await expect(living.change(living.member, 'pauseCluster', pausing, 'operation { id }')).rejects.toThrow(/CONFLICT.*is being moved/);
  const seen: string[] = [];
  for (const at of ['FREEZE', 'HAND_OVER', 'START']) {
    await until(() => [at, 'CLEAN_UP', 'DONE'].includes(phase()));
    seen.push(phase());
    await living.restart();
  }
  await ended(operation);
  expect(seen[0]).toBe('FREEZE');
  expect([phase(), row().seed_id, row().endpoint_host]).toEqual(['DONE', seeds.second, before.host]);
  expect([living.pki(clusterId).trust, machines(), await mine()]).toEqual([before.ca, before.machines, ['mine-1']]);
  expect([await isIn(living.seed), await isIn(second)]).toEqual([false, true]);
  const nodes = async () => (await living.tenant(kubeconfig).list({ apiVersion: 'v1', kind: 'Node' })).items.length;
  expect(await nodes()).toBe(2);
  await keep('mine-2');

  const query = `{ cluster(id: "${clusterId}") { controlPlaneMove { phase downtimeSeconds from { name } to { name } } } }`;
  const asked = async (token: string) =>
    (await living.ask<{ cluster: { controlPlaneMove: { downtimeSeconds: number; from: object | null } } }>(token, query)).cluster
      .controlPlaneMove;
  expect(await asked(living.admin)).toMatchObject({ phase: 'DONE', from: { name: 'seed' }, to: { name: 'second' } });
  const told = await asked(living.member);
  expect([told.from, told.downtimeSeconds > 0]).toEqual([null, true]);
  const [step] = living.rows<{ message: string }>("select message from conditions where name = 'OldSeedLeft'");
  expect(step?.message).toBe(`The API was away for ${told.downtimeSeconds} s.`);
  // Of the two, the one of while all served goes.
  await until(() => living.rows("select 1 from backups where reason = 'BEFORE_MOVE' and deleted_at is null").length === 1);
});

test('it goes back when that is asked for, and by itself where the seed does not give the address, with what was written', {
  timeout: 240_000,
}, async () => {
  const { endpoint_host: host } = row();
  await ended(await calledOff('FREEZE'));
  // Somebody else waits for it there, and has it first.
  const thief = balanced('thief', host);
  const free = () => living.seed.remove({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'thief' });
  await living.seed.apply(thief);
  const wayBack = await calledOff('START');
  await until(() => row().seed_id === seeds.second);
  await free();
  await ended(wayBack);
  expect([await isIn(living.seed), await isIn(second), await mine()]).toEqual([false, true, ['mine-1', 'mine-2']]);

  await living.seed.apply(thief);
  const operation = await move(seeds.seed);
  await until(() => phase() === 'START');
  // The two minutes are over, of the way there alone: it starts on the way back, too.
  await until(() => {
    if (phase() === 'START' && moving().toSeedId === seeds.seed)
      living.write(`update clusters set move = json_set(move, '$.askedAt', 1) where id = '${clusterId}'`);
    living.wake(clusterId);
    return stateOf(operation) === 'CANCELLED';
  });
  await free();
  await living.settled(clusterId);
  expect([row().seed_id, row().endpoint_host, await mine()]).toEqual([seeds.second, host, ['mine-1', 'mine-2']]);
  expect([await isIn(living.seed), await isIn(second)]).toEqual([false, true]);
  const [told] = living.rows<{ problem: string }>(`select problem from operations where id = '${operation}'`);
  expect(told?.problem).toContain(`was to keep its address ${host}`);
});

test('a drained seed is left by all that can go, what cannot is named, and it goes once it can', { timeout: 240_000 }, async () => {
  await living.change(living.admin, 'updateSeed', { seedId: seeds.seed, maxClusters: 0 }, 'seed { id }');
  const { operation } = await living.change<{ operation: { uuid: string } }>(
    living.admin,
    'drainSeed',
    { seedId: seeds.second },
    'operation { uuid }',
  );
  const told = () =>
    living.rows<{ message: string }>(
      `select message from conditions where object_id = '${seeds.second}' and name = 'SeedDrained' and state = 'WAITING'`,
    )[0]?.message;
  const reason = 'van: No other seed takes it: seed: It is full: 0 of 0 clusters.';
  await expect.poll(told, WHILE_BUSY).toMatch(/1 cannot be moved/);
  await expect.poll(told, WHILE_BUSY).toContain(reason);
  const query = `{ seed(id: "${seeds.second}") { state cordoned drainPlan { clusterName state to { name } reason } } }`;
  const plan = async () => (await living.ask<{ seed: { drainPlan: object[] } }>(living.admin, query)).seed;
  await expect.poll(plan, WHILE_BUSY).toEqual({
    state: 'READY',
    cordoned: true,
    drainPlan: [{ clusterName: 'van', state: 'STUCK', to: null, reason: reason.slice(5) }],
  });
  await living.change(living.admin, 'updateSeed', { seedId: seeds.seed, maxClusters: null }, 'seed { id }');
  // The seed takes it from its own next pass on, and may have been given it already.
  const planned = { clusterName: 'van', state: expect.stringMatching(/^(PLANNED|MOVING)$/), to: { name: 'seed' } };
  await until(async () => JSON.stringify((await plan()).drainPlan).includes('"to":{'));
  expect((await plan()).drainPlan).toMatchObject([planned]);
  living.wake(seeds.second);
  await until(() => stateOf(operation.uuid) === 'SUCCEEDED');
  await living.settled(clusterId);
  expect([row().seed_id, await mine(), (await plan()).drainPlan]).toEqual([seeds.seed, ['mine-1', 'mine-2'], []]);
  await living.change(living.admin, 'uncordonSeed', { seedId: seeds.second }, 'seed { id }');
  const ready = "select 1 from seeds where name = 'second' and state = 'READY' and generation = observed_generation";
  await until(() => living.rows(ready).length === 1);
});

test('called off before the freeze nothing has changed; deleted in the middle nothing is left in either seed', {
  timeout: 240_000,
}, async () => {
  const first = await move(seeds.second);
  expect(phase()).toBe('BACK_UP');
  await ended(await move(seeds.seed));
  expect([stateOf(first), phase(), row().seed_id]).toEqual(['SUPERSEDED', 'DONE', seeds.seed]);
  await expect(living.change(living.admin, 'unregisterSeed', { seedId: seeds.seed }, 'operation { id }')).rejects.toThrow(/IN_USE/);
  await move(seeds.second);
  await until(() => phase() === 'START');
  await living.change(living.member, 'deleteCluster', { clusterId }, 'operation { id }');
  await until(() => living.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
  expect([await isIn(living.seed), await isIn(second)]).toEqual([false, false]);
});
