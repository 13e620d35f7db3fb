/** What a pass writes of a step that waits or fails, and when the whole is woken for it. */
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import { defineFlow, done, type Outcome, waiting } from '../../src/engine/flow.ts';
import { createHandler } from '../../src/reconcilers/pass.ts';
import type { World } from '../../src/reconcilers/world.ts';
import { loadTrackedOperations } from '../../src/store/progress.ts';
import { loadNodeGroup, type NodeGroupRow, patchNodeGroup } from '../../src/store/reconcile.ts';
import { events, nodeGroups, workItems } from '../../src/store/tables.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

const USUALLY_MS = 10_000;
const REST = 9_000_000_000_000;

let house: House;
let group: NodeGroupRow;
let look: () => Promise<Outcome>;
/** Between the steps of a pass and what it writes of them all. */
let atEnd: () => void;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  await house.commands.createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard' });
  atEnd = () => {};
  group = (await house.store.db.select().from(nodeGroups))[0] as NodeGroupRow;
});
afterEach(() => house.close());

/** One pass over the group, whose only step is `look`; whether it woke the cluster. */
const pass = async (): Promise<boolean> => {
  const { store, time } = house;
  const clock = { now: () => time.now };
  const clouds = { as: () => clouds };
  const world = { store, clock, clouds, random: () => 0.5, settings: { driftFactor: 1 } } as unknown as World;
  const handler = createHandler<NodeGroupRow, object>(world, {
    kind: 'NODE_GROUP',
    flow: defineFlow<object>('group', [
      { name: 'NodesReady', title: 'Start the nodes', usuallyMs: USUALLY_MS, late: 'CUSTOMER', ensure: () => look() },
    ]),
    load: loadNodeGroup,
    open: async () => ({}),
    subject: ({ id, name, clusterId }) => ({ kind: 'NODE_GROUP', id, name, streamId: clusterId, clusterId, projectId: 'blue' }),
    stateOf: (_scope, row) => {
      atEnd();
      return row.state;
    },
    parent: ({ clusterId }) => ({ kind: 'CLUSTER', id: clusterId }),
    save: (tx, row, patch) => patchNodeGroup(tx, row.id, { ...patch, state: row.state }),
  });
  const cluster = eq(workItems.id, group.clusterId);
  await store.transaction(async (tx) => void (await tx.db.update(workItems).set({ dueAt: REST }).where(cluster)));
  const [item] = await store.db.select().from(workItems).where(eq(workItems.id, group.id));
  const claim = { kind: 'NODE_GROUP', id: group.id, fence: item?.fence ?? 0, wake: 0, attempts: 0 } as const;
  await handler({ claim, signal: new AbortController().signal, onWake: () => () => {} });
  const [parent] = await store.db.select().from(workItems).where(cluster);
  return parent?.dueAt !== REST;
};
const change = () =>
  house.store.transaction(async (tx) => {
    const row = await loadNodeGroup(tx.db, group.id);
    await patchNodeGroup(tx, group.id, { generation: (row?.generation ?? 0) + 1 });
  });
const told = async () =>
  (await house.store.db.select().from(events).where(eq(events.subjectId, group.id)))
    .filter(({ step }) => step === 'NodesReady')
    .map(({ message }) => message);

test.each<[string, () => Promise<Outcome>]>([
  ['waits for somebody', async () => waiting('a key to be turned', 1_000, 'CUSTOMER')],
  ['fails', () => Promise.reject(new UserError('CLOUD_REFUSED', 'It may not.', { whoMustAct: 'CUSTOMER' }))],
])('a step that %s wakes the whole once a generation, for the whole takes no notice of what an earlier one met', async (_how, ensure) => {
  look = ensure;
  expect(await pass()).toBe(true);
  expect(await pass()).toBe(false);
  await change();
  expect(await pass()).toBe(true);
  expect(await pass()).toBe(false);
  // Who follows it has read it once.
  expect(await told()).toHaveLength(1);
});

test('a step that waits for what comes by itself wakes nobody until it takes longer than usual, and says that once', async () => {
  look = async () => waiting('two nodes', 1_000);
  expect(await pass()).toBe(false);
  house.time.now += USUALLY_MS;
  expect([await pass(), await told()]).toEqual([false, ['two nodes']]);
  house.time.now += 1;
  expect([await pass(), await told()]).toEqual([true, ['two nodes', 'two nodes']]);
  house.time.now += 10 * USUALLY_MS;
  expect([await pass(), await told()]).toEqual([false, ['two nodes', 'two nodes']]);
});

test('what is asked for in the very commit in which a pass ends is not called done, nor its state taken back', async () => {
  look = async () => done();
  let asked: Promise<unknown> | undefined;
  atEnd = () => {
    const deletion = { deleteRequestedAt: house.time.now, state: 'DELETING', generation: group.generation + 1 } as const;
    asked = house.store.transaction((tx) => patchNodeGroup(tx, group.id, deletion));
  };
  await pass();
  await asked;
  const row = await loadNodeGroup(house.store.db, group.id);
  expect(row).toMatchObject({ state: 'DELETING', observedGeneration: 0, deletedAt: null });
});

test('an operation that was asked for while nothing new comes of the steps says all the same what it waits for', async () => {
  look = async () => waiting('two nodes', 1_000);
  await pass();
  const { operation } = await house.commands.resizeNodeGroup(call(ANNA), { nodeGroupId: group.id, count: 2 });
  await pass();
  const [found] = await loadTrackedOperations(house.store.db, group.id);
  expect(found).toMatchObject({
    id: operation.id,
    state: 'RUNNING',
    steps: [{ name: 'NodesReady', state: 'WAITING', message: 'two nodes' }],
  });
});
