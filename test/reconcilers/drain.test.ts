/** A node that goes is drained first: its pods go elsewhere, as their PodDisruptionBudgets let them, and not for ever. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const LABELS = { app: 'web' };
/** Long enough for what a story looks at, short enough to be waited for. */
const DRAIN_SECONDS = 15;

let world: Living;
let tenant: Client;
let clusterId: string;
let groupId: string;

const list = async (path: string) => (((await tenant.call('GET', path)).body as { items?: Fields[] }).items ?? []) as Fields[];
const podsOn = async (node: string) => (await list(PODS)).filter((pod) => at(pod, 'spec', 'nodeName') === node);
const drained = (nodeId: string) =>
  world.rows<{ state: string; message: string; waiting_for: string | null }>(
    `select state, message, waiting_for from conditions where object_id = '${nodeId}' and name = 'Drained'`,
  )[0];
const liveNodes = () => world.rows<{ id: string; name: string }>('select id, name from nodes where deleted_at is null order by created_at');
const resize = (count: number, nodesToRemove: string[] = []) =>
  world.change<{ operation: { id: string } }>(
    world.member,
    'resizeNodeGroup',
    { nodeGroupId: groupId, count, nodesToRemove },
    'operation { id }',
  );
const put = async (path: string, object: object) => expect(await tenant.call('POST', path, object)).toMatchObject({ status: 201 });

beforeAll(async () => {
  world = await openLiving({ drainSeconds: String(DRAIN_SECONDS) });
  clusterId = await world.makeCluster('drain', { nodeCount: 2 });
  groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  tenant = createClient(accessOf(issued.kubeconfig));
  await until(async () => (await tenant.call('GET', PODS)).status === 200);
  const containers = [{ name: 'web', image: 'example.org/web:1' }];
  const web = { replicas: 2, selector: { matchLabels: LABELS }, template: { metadata: { labels: LABELS }, spec: { containers } } };
  await put(DEPLOYMENTS, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: web });
  await until(async () => at((await tenant.call('GET', `${DEPLOYMENTS}/web`)).body, 'status', 'readyReplicas') === 2);
});
afterAll(async () => {
  tenant?.close();
  await world?.close();
});

/** A node that has a pod of the Deployment. */
const victimOf = () =>
  until(async () => {
    const places = (await list(PODS)).map((pod) => at(pod, 'spec', 'nodeName'));
    return liveNodes().find(({ name }) => places.includes(name));
  });
const budget = (minAvailable: number) => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web' },
  spec: { minAvailable, selector: { matchLabels: LABELS } },
});

test('a budget that lets no pod go holds the node, says so, and holds it no more when it is gone', async () => {
  await put(BUDGETS, budget(2));
  await until(async () => at((await tenant.call('GET', `${BUDGETS}/web`)).body, 'status', 'currentHealthy') === 2);
  const victim = await victimOf();
  await resize(1, [victim.id]);
  const waits = await until(() => (drained(victim.id)?.message.includes('may not') ? drained(victim.id) : null));
  expect(waits.message).toMatch(
    /^\d pods? to go; default\/web-\S+ may not: PodDisruptionBudget default\/web allows no more disruptions now$/,
  );
  const group = () =>
    world.rows<{ message: string }>(`select message from conditions where object_id = '${groupId}' and name = 'NodesReady'`)[0];
  await until(
    () => group()?.message.includes(`node ${victim.name}: waits for`) && group()?.message.includes('PodDisruptionBudget default/web'),
  );
  expect(JSON.parse(waits.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CUSTOMER' });
  expect(at((await tenant.call('GET', `/api/v1/nodes/${victim.name}`)).body, 'spec', 'unschedulable')).toBe(true);
  expect((await podsOn(victim.name)).length).toBeGreaterThan(0);
  await tenant.call('DELETE', `${BUDGETS}/web`);
  await until(() => liveNodes().length === 1);
  expect(drained(victim.id)).toMatchObject({ state: 'REMOVED', message: '' });
  await until(async () => at((await tenant.call('GET', `${DEPLOYMENTS}/web`)).body, 'status', 'readyReplicas') === 2);
});

test('what has not gone in time goes with the node, and that is told', async () => {
  await resize(2);
  await until(() => world.rows("select 1 from nodes where deleted_at is null and state = 'READY'").length === 2);
  await put(BUDGETS, budget(2));
  await until(async () => at((await tenant.call('GET', `${BUDGETS}/web`)).body, 'status', 'currentHealthy') === 2);
  const victim = await victimOf();
  await resize(1, [victim.id]);
  await until(() => liveNodes().length === 1);
  expect(drained(victim.id)?.message).toMatch(
    /^\d pods? had not gone in time and went with the node, such as default\/web-\S+, which PodDisruptionBudget default\/web held\.$/,
  );
  const told = world.rows(
    `select 1 from events where subject_id = '${victim.id}' and step = 'Drained' and message like '%not gone in time%'`,
  );
  expect(told).toHaveLength(1);
});

test('a group that waits keeps the node beyond its time, says who must act, and goes on once it is to be forced', async () => {
  const update = (upgradeStrategy: object) =>
    world.change(
      world.member,
      'updateNodeGroup',
      { nodeGroupId: groupId, upgradeStrategy },
      'nodeGroup { upgradeStrategy { onBlockedDrain } }',
    );
  expect(await update({ drainTimeoutSeconds: 1, onBlockedDrain: 'WAIT' })).toMatchObject({
    nodeGroup: { upgradeStrategy: { onBlockedDrain: 'WAIT' } },
  });
  await resize(2);
  await until(() => world.rows("select 1 from nodes where deleted_at is null and state = 'READY'").length === 2);
  const victim = await victimOf();
  await resize(1, [victim.id]);
  const waits = await until(() => (drained(victim.id)?.message.includes('over its time') ? drained(victim.id) : null));
  expect(waits.message).toMatch(/PodDisruptionBudget default\/web allows no more.*onBlockedDrain FORCE/);
  expect(JSON.parse(waits.waiting_for ?? '{}')).toMatchObject({ whoMustAct: 'CUSTOMER' });
  expect(liveNodes()).toHaveLength(2);
  await update({ onBlockedDrain: 'FORCE' });
  await until(() => liveNodes().length === 1);
  expect(drained(victim.id)?.message).toMatch(/went with the node, .* which PodDisruptionBudget default\/web held\.$/);
  await update({ drainTimeoutSeconds: null });
});

const replace = (nodeId: string) =>
  world.change<{ operation: { uuid: string } }>(world.member, 'replaceNode', { nodeId }, 'operation { uuid }');
const operationState = (id: string) => world.rows<{ state: string }>(`select state from operations where id = '${id}'`)[0]?.state;

test('a worker is replaced: another is ready before it goes', async () => {
  await tenant.call('DELETE', `${BUDGETS}/web`);
  const [old] = liveNodes();
  const { operation } = await replace(old?.id ?? '');
  await until(() => operationState(operation.uuid) === 'SUCCEEDED');
  const [young, ...more] = liveNodes();
  expect(more).toEqual([]);
  expect(young?.id).not.toBe(old?.id);
  const number = (nodeId: string | undefined, state: string) =>
    world.rows<{ number: number }>(`select number from events where subject_id = '${nodeId}' and step is null and state = '${state}'`)[0]
      ?.number ?? Number.NaN;
  expect(number(young?.id, 'READY')).toBeLessThan(number(old?.id, 'DELETED'));
  expect(drained(old?.id ?? '')).toMatchObject({ state: 'REMOVED', message: '' });
});

test('a worker that does not work is replaced without being waited for', async () => {
  await world.control('POST', 'serverFaults', { name: '.', trouble: 'neverBoots', times: 1 });
  await resize(2);
  const broken = await until(() => world.rows<{ id: string }>("select id from nodes where deleted_at is null and state = 'BOOTING'")[0]);
  await world.control('DELETE', 'serverFaults');
  const { operation } = await replace(broken.id);
  await until(() => operationState(operation.uuid) === 'SUCCEEDED');
  expect(liveNodes()).toHaveLength(2);
  expect(liveNodes().map(({ id }) => id)).not.toContain(broken.id);
  await resize(1);
  await until(() => liveNodes().length === 1);
});

/** Of two nodes one with a pod that no budget lets go. */
const heldVictim = async () => {
  await resize(2);
  await until(() => world.rows("select 1 from nodes where deleted_at is null and state = 'READY'").length === 2);
  await tenant.call('DELETE', `${BUDGETS}/web`);
  await put(BUDGETS, budget(2));
  await until(async () => at((await tenant.call('GET', `${BUDGETS}/web`)).body, 'status', 'currentHealthy') === 2);
  return victimOf();
};

test('a node that is not Ready goes at once, and that is told: nobody could end its pods', async () => {
  const [calm] = liveNodes();
  await world.control('POST', 'serverFaults', { name: '.', trouble: 'diesAfterJoin', times: 1 });
  await resize(2);
  const dead = await until(() => liveNodes().find(({ id }) => id !== calm?.id));
  const ready = async () => JSON.stringify(at((await tenant.call('GET', `/api/v1/nodes/${dead.name}`)).body, 'status', 'conditions'));
  await until(async () => (await ready()).includes('NodeStatusUnknown'));
  await world.control('DELETE', 'serverFaults');
  const asked = performance.now();
  await resize(1, [dead.id]);
  await until(() => liveNodes().length === 1);
  expect(performance.now() - asked).toBeLessThan((DRAIN_SECONDS - 3) * 1000);
  expect(drained(dead.id)).toMatchObject({ state: 'REMOVED', message: 'The node was not Ready, so nobody could end its pods.' });
});

test("a cluster's API that does not answer is waited for as long as pods would be, and then no more", async () => {
  const victim = await heldVictim();
  await world.control('POST', 'faults', { service: 'hosted', kind: 'resetBefore' });
  const asked = performance.now();
  await resize(1, [victim.id]);
  await until(() => drained(victim.id)?.message === "the cluster's API, to drain the node");
  await until(() => drained(victim.id)?.state === 'REMOVED');
  expect(performance.now() - asked).toBeGreaterThan((DRAIN_SECONDS - 1) * 1000);
  expect(drained(victim.id)?.message).toBe("The cluster's API could not be asked in time.");
  await world.control('DELETE', 'faults');
  await until(() => liveNodes().length === 1);
});

test('the last node goes at once: there is no place for its pods', async () => {
  const [last] = liveNodes();
  await resize(0);
  await until(() => liveNodes().length === 0, DRAIN_SECONDS - 2);
  expect(drained(last?.id ?? '')?.message).toBe('No other node is there for its pods.');
});

test('with draining turned off a node goes at once, whatever its pods may, and that is told', async () => {
  Object.assign(world.settings, { drainSeconds: '0' });
  await world.restart();
  const victim = await heldVictim();
  await resize(1, [victim.id]);
  await until(() => liveNodes().length === 1);
  expect(drained(victim.id)).toMatchObject({ state: 'REMOVED', message: 'Draining is turned off, so its pods went with it.' });
});
