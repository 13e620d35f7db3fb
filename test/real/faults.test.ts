/**
 * The first calls of each form in a cluster's life go wrong, each in a way of its own: the end is the same, and nothing is left or there twice.
 * SEEDBED_FAULTS_SEED draws the same ways again.
 */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Fault } from '../../src/sandbox/contract.ts';
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import { KINDS } from '../faults/kinds.ts';
import { randomFrom } from '../faults/random.ts';
import { tooSoon } from '../faults/verdict.ts';
import { expectNothingLeft, listNamespaces, serversOf } from './support/checks.ts';
import { type FaultProxy, startFaultProxy } from './support/faultProxy.ts';
import { listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { openWorld } from './support/world.ts';

const NAME = 'lab-faults';
const SEED = Number(process.env['SEEDBED_FAULTS_SEED'] ?? Date.now() % 1_000_000);
/** Of how long a call may take. A busy lab needs some, and the stall outlives it. */
const CLOUD_TIMEOUT_SECONDS = 15;
/** A phase of a calm life takes two minutes at the most. */
const PHASE_SECONDS = 540;

interface Problem {
  code: string;
  message: string;
  retryable: boolean;
}
interface Step {
  name: string;
  state: string;
  message: string;
  problem: Problem | null;
}
interface Seen {
  state: string;
  operations: { nodes: { id: string; state: string; problem: Problem | null }[] };
  conditions: Step[];
  nodeGroups: { nodes: { id: string; conditions: Step[]; nodes: { nodes: { state: string; conditions: Step[] }[] } }[] };
}

let proxy: FaultProxy;
let story: Story;
let failed = false;
let thingsBefore: Thing[];
let namespacesBefore: string[];
let cluster: { id: string; uuid: string; shortId: string; name: string };
const met: RecordedCall[] = [];

beforeAll(async () => {
  process.stdout.write(`again: SEEDBED_FAULTS_SEED=${SEED}\n`);
  proxy = await startFaultProxy(openWorld().service.authUrl);
  story = await openStory('faults', undefined, ['member'], {
    SEEDBED_KEYSTONE_URL: proxy.authUrl,
    SEEDBED_CLOUD_TIMEOUT_SECONDS: String(CLOUD_TIMEOUT_SECONDS),
  });
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story !== undefined) {
    proxy.begin(() => null);
    if (failed && cluster !== undefined) {
      await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
      await followToRest(story, cluster.id, []);
    }
    expect(await closeStory(story, failed)).toBe(0);
  }
  await proxy?.close();
});

const faultOf = (kind: string): Fault =>
  kind === 'stall'
    ? { kind, stallMs: (CLOUD_TIMEOUT_SECONDS + 1) * 1000 }
    : ({ body: null, retryAfterSeconds: null, ...KINDS[kind] } as Fault);

/** What the first call of each form meets, or the first three. The same for a seed, in whatever order they come. */
const chooser = (phase: string) => {
  const counts = new Map<string, number>();
  return ({ service, method, template }: { service: string; method: string; template: string }): Fault | null => {
    const form = `${phase} ${service} ${method} ${template}`;
    const nth = (counts.get(form) ?? 0) + 1;
    counts.set(form, nth);
    const random = randomFrom(SEED ^ createHash('sha256').update(form).digest().readInt32LE());
    const kinds = Object.keys(KINDS).filter((kind) => kind !== 'staleList' || (method === 'GET' && !template.endsWith('}')));
    const kind = kinds[Math.floor(random() * kinds.length)] ?? '500';
    return nth <= (random() < 0.5 ? 1 : 3) ? faultOf(kind) : null;
  };
};

const look = async (): Promise<Seen> => {
  const step = 'name state message problem { code message retryable }';
  const query = `query($id: ID!) { cluster(id: $id) { state conditions { ${step} }
    operations(first: 5) { nodes { id state problem { code message retryable } } }
    nodeGroups(first: 1) { nodes { id conditions { ${step} } nodes(first: 4) { nodes { state conditions { ${step} } } } } } } }`;
  return (await asMember(story).ask<{ cluster: Seen }>(query, { id: cluster.id })).cluster;
};
const stepsOf = ({ conditions, nodeGroups }: Seen): Step[] => [
  ...conditions,
  ...nodeGroups.nodes.flatMap((group) => [...group.conditions, ...group.nodes.nodes.flatMap((node) => node.conditions)]),
];
const workersOf = ({ nodeGroups }: Seen) => nodeGroups.nodes.flatMap(({ nodes }) => nodes.nodes);

/** Asks until there is an answer, and for another try whenever somebody must; to the end of what was asked. */
const live = async (phase: string, state: string, mutation: string, input: object, fields = ''): Promise<void> => {
  proxy.begin(chooser(phase));
  const asked = await until(
    `${phase} is acknowledged`,
    120,
    () =>
      asMember(story).change<{ operation: { id: string }; cluster?: typeof cluster }>(
        mutation,
        { ...input, idempotencyKey: `${NAME}-${phase}` },
        `operation { id } ${fields}`,
      ),
    1_000,
  );
  cluster = asked.cluster ?? cluster;
  const { id } = asked.operation;
  let seen: Seen | undefined;
  await until(
    `${phase} comes to its end`,
    PHASE_SECONDS,
    async () => {
      seen = await look();
      const operation = seen.operations.nodes.find((one) => one.id === id);
      if (operation?.state === 'SUCCEEDED' && seen.state === state) return true;
      const waits =
        operation?.state === 'FAILED' || stepsOf(seen).some(({ state: at, problem }) => at === 'FAILED' && problem?.retryable === false);
      // It may have gone on by itself.
      if (waits && operation !== undefined)
        await asMember(story)
          .change('retryOperation', { operationId: id }, 'operation { id }')
          .catch(() => {});
      return undefined;
    },
    1_500,
  ).catch((error: unknown) => {
    const left = seen && [seen.state, seen.operations.nodes, stepsOf(seen).filter((one) => !['DONE', 'REMOVED'].includes(one.state))];
    throw new Error(`again: SEEDBED_FAULTS_SEED=${SEED}; ${String(error)}; it stands at ${JSON.stringify(left)}`);
  });
  const calls = proxy.calls();
  expect(tooSoon(calls), `SEEDBED_FAULTS_SEED=${SEED}`).toEqual([]);
  const hurt = calls.filter(({ fault }) => fault !== null);
  process.stdout.write(`${phase}: ${hurt.length} of ${calls.length} calls went wrong\n`);
  met.push(...hurt);
};

/** Of a server that was made twice for one request nobody is told; it goes with the cluster. */
const wasDoubled = (): boolean =>
  met.some(({ method, template, fault }) => fault === 'duplicate' && `${method} ${template}`.endsWith('POST /v2.1/servers'));

const expectWorkers = async (count: number): Promise<void> => {
  expect(workersOf(await look()).map(({ state }) => state)).toEqual(Array.from({ length: count }, () => 'READY'));
  if (!wasDoubled()) expect(await serversOf(story, cluster)).toHaveLength(count);
};
const resize = async (count: number): Promise<object> => ({ nodeGroupId: (await look()).nodeGroups.nodes[0]?.id, count });

test('a cluster is made', async () => {
  const input = { name: NAME, clusterTemplate: NAME, nodeCount: 1, overrides: { floatingIpEnabled: true } };
  await live('create', 'READY', 'createCluster', input, 'cluster { id uuid shortId name }');
  await expectWorkers(1);
});

test('one more worker comes', async () => {
  await live('grow', 'READY', 'resizeNodeGroup', await resize(2));
  await expectWorkers(2);
});

test('one goes', async () => {
  await live('shrink', 'READY', 'resizeNodeGroup', await resize(1));
  await expectWorkers(1);
});

test('all goes, and nothing of it is left', async () => {
  await live('delete', 'DELETED', 'deleteCluster', { clusterId: cluster.id });
  await expectNothingLeft(story, cluster, thingsBefore, namespacesBefore);
  const query = 'query($id: ID!) { cluster(id: $id) { leakReport { clean leftovers { kind externalId } unverified { kind reason } } } }';
  const { cluster: gone } = await asMember(story).ask<{ cluster: { leakReport: object } }>(query, { id: cluster.uuid });
  expect(gone.leakReport).toMatchObject({ clean: true, leftovers: [], unverified: [] });
  // The proxy was in the way of all of them.
  expect(new Set(met.map(({ service, method, template }) => `${service} ${method} ${template}`)).size).toBeGreaterThan(25);
  expect(new Set(met.map(({ fault }) => fault)).size).toBeGreaterThan(5);
});
