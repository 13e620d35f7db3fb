/**
 * Fifty clients change one cluster at once and then delete it: no change is lost, and what is asked for twice by one key is done once. SEEDBED_HARD=all: two
 * hundred rounds.
 */

import { and, eq } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { audit, events, nodeGroups, operations } from '../../src/store/tables.ts';
import { type Result, run } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const ROUNDS = process.env['SEEDBED_HARD'] === 'all' ? 200 : 10;
const ADDING = 12;
const SAME_KEY = 28;
const TWICE = 5;
const DELETING = 50;

const groupOf = async (world: World, id: string) =>
  (
    await world.data<{ node: { generation: number; count: number } }>(
      'anna',
      'query ($id: ID!) { node(id: $id) { ... on NodeGroup { generation count } } }',
      { id },
    )
  ).node;

/** One worker more than there are, however often another comes first. */
const addOne = async (world: World, nodeGroupId: string): Promise<number> => {
  for (let tries = 1; ; tries += 1) {
    const { generation, count } = await groupOf(world, nodeGroupId);
    const input = { nodeGroupId, count: count + 1, expectedGeneration: generation };
    const { __typename, code } = await run(world, 'anna', 'resizeNodeGroup', input, 'replayed');
    if (__typename === 'ResizeNodeGroupPayload') return tries;
    expect(code).toBe('GENERATION_MISMATCH');
  }
};

const addGroup = (world: World, clusterId: string, name: string) =>
  run(world, 'anna', 'createNodeGroup', { clusterId, name, count: 1, idempotencyKey: name }, 'replayed nodeGroup { id }');

/** All are the answer to one effect, of which all but one tell that they only repeat it. */
const expectOneEffect = (answers: readonly Result[], field: string): void => {
  expect(new Set(answers.map(({ [field]: made }) => JSON.stringify(made))).size).toBe(1);
  expect(answers.map(({ replayed }) => replayed).sort()).toEqual([false, ...answers.slice(1).map(() => true)]);
};

test(`${ROUNDS} rounds of fifty clients at one cluster: no change is lost, and each key has one effect`, async () => {
  const world = await openWorld();
  // Nobody carries the deletions out here, so each round leaves its cluster and workers behind.
  const unlimited = { projectId: 'blue', clusters: -1, nodes: -1, workerVcpus: -1, controlPlaneReplicas: -1 };
  expect(await run(world, 'ada', 'setQuota', unlimited, 'replayed')).toMatchObject({ __typename: 'SetQuotaPayload' });
  let contested = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const name = `race-${round}`;
    const { id, uuid, nodeGroup } = await makeCluster(world, 'anna', name);
    const before = await groupOf(world, nodeGroup.id);
    const [tries, same, twice] = await Promise.all([
      Promise.all(Array.from({ length: ADDING }, () => addOne(world, nodeGroup.id))),
      Promise.all(Array.from({ length: SAME_KEY }, () => addGroup(world, id, `same-${round}`))),
      Promise.all(Array.from({ length: TWICE }, (_, i) => Promise.all([1, 2].map(() => addGroup(world, id, `twice-${round}-${i}`))))),
    ]);
    contested += Math.max(...tries) - 1;
    expect(await groupOf(world, nodeGroup.id)).toEqual({ generation: before.generation + ADDING, count: before.count + ADDING });
    for (const answers of [same, ...twice]) expectOneEffect(answers, 'nodeGroup');
    const groups = await world.store.db.select().from(nodeGroups).where(eq(nodeGroups.clusterId, uuid));
    expect(groups).toHaveLength(1 + 1 + TWICE);

    const input = { clusterId: id, idempotencyKey: `delete-${round}` };
    const deleted = await Promise.all(
      Array.from({ length: DELETING }, (_, i) =>
        run(world, 'anna', 'deleteCluster', i % 2 === 0 ? input : { clusterId: id }, 'replayed operation { id }'),
      ),
    );
    expect(new Set(deleted.map(({ operation }) => JSON.stringify(operation))).size).toBe(1);
    expectOneEffect(
      deleted.filter((_, i) => i % 2 === 0),
      'operation',
    );
    const removals = await world.store.db
      .select()
      .from(operations)
      .where(and(eq(operations.targetId, uuid), eq(operations.kind, 'DELETE_CLUSTER')));
    expect(removals).toHaveLength(1);
    const numbers = (await world.store.db.select({ number: events.number }).from(events).where(eq(events.streamId, uuid))).map(
      ({ number }) => number,
    );
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, i) => i + 1));
    // Every call is noted, those that were refused and those that were repetitions as such.
    const rows = await world.store.db
      .select()
      .from(audit)
      .where(and(eq(audit.action, 'resizeNodeGroup'), eq(audit.targetId, nodeGroup.uuid)));
    expect(rows.filter(({ outcome }) => outcome === 'ACCEPTED')).toHaveLength(ADDING);
  }
  // They did meet.
  expect(contested).toBeGreaterThan(0);
}, 1_800_000);
