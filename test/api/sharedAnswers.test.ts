/** One event to many subscribers: made once for all who asked the same and see the same, and never told to another. */
import { buildSchema as buildSdl, type ExecutionArgs, type ExecutionResult, type GraphQLSchema, parse } from 'graphql';
import { expect, test } from 'vitest';
import type { Context } from '../../src/api/context.ts';
import { buildSchema } from '../../src/api/schema.ts';
import { createSharedAnswers } from '../../src/api/sharedAnswers.ts';
import { createSharedReads } from '../../src/api/sharedReads.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { patchCluster } from '../../src/store/reconcile.ts';
import { ADA, ANNA, actorBy, BEN, OTTO, RITA } from '../commands/house.ts';
import { happen, overSocket, type Subscriber, setState, WAYS } from './live.ts';
import { watchStatements } from './matrix/database.ts';
import { registerSeed } from './run.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const CHANGES = `subscription ($deep: Boolean!) { clusters {
  what cluster { name state placement { seedName } seed { name } operations(first: 2) @include(if: $deep) { nodes { kind } } nodeGroups(first: 2) { nodes { name } } }
} }`;

/** Changes the cluster until each has been told so, and then once more, of which it gives what was read meanwhile. */
const toldOnce = async (world: World, clusterId: string, subscribers: readonly Subscriber[]): Promise<string[]> => {
  while (subscribers.some(({ payloads }) => payloads.length === 0)) {
    await setState(world, clusterId, 'CREATING');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // What comes late of that is over when nothing has come for a while.
  const count = () => subscribers.reduce((sum, { payloads }) => sum + payloads.length, 0);
  for (let last = -1; last !== count(); await new Promise((resolve) => setTimeout(resolve, 200))) last = count();
  for (const { payloads } of subscribers) payloads.length = 0;
  const statements = await watchStatements(world);
  await setState(world, clusterId, 'READY');
  await Promise.all(subscribers.map(({ until }) => until(1)));
  return statements.filter((text) => /^select/i.test(text));
};

test.each(WAYS)('over %s a change is read once for all of a project who may see the same, whoever they are', async (_way, subscribe) => {
  const world = await openWorld();
  for (let i = 0; i < 12; i += 1) world.tokens.set(`m${i}`, actorBy({ userName: `m${i}`, projectId: 'blue', roles: ['member', 'reader'] }));
  const { uuid } = await makeCluster(world, 'anna');
  const one = subscribe(world, 'anna', CHANGES, { deep: true });
  const alone = await toldOnce(world, uuid, [one]);
  one.stop();
  await one.ended;
  const all = Array.from({ length: 12 }, (_, i) => subscribe(world, `m${i}`, CHANGES, { deep: true }));
  expect((await toldOnce(world, uuid, all)).length).toBe(alone.length);
  expect(new Set(all.map(({ payloads }) => JSON.stringify(payloads)))).toEqual(new Set([JSON.stringify(one.payloads)]));
  for (const each of all) each.stop();
});

test.each(WAYS)(
  'over %s members, readers, admins and strangers who ask the same at once are each told what they may see, and no more',
  async (_way, subscribe) => {
    const world = await openWorld();
    const seed = (await registerSeed(world, 'far')).seed as { uuid: string };
    const [own, foreign] = [await makeCluster(world, 'anna', 'own'), await makeCluster(world, 'otto', 'foreign')];
    for (const { uuid } of [own, foreign])
      await world.store.transaction((tx) =>
        patchCluster(tx, uuid, { seedId: seed.uuid, placement: [{ seedId: 'far', seedName: 'far', fits: true, reason: 'It has room.' }] }),
      );
    const callers = ['anna', 'otto', 'rita', 'ada', 'anna', 'ada', 'otto', 'rita'];
    const subscribers = callers.map((caller) => subscribe(world, caller, CHANGES, { deep: false }));
    await toldOnce(
      world,
      own.uuid,
      subscribers.filter((_, i) => callers[i] !== 'otto'),
    );
    await toldOnce(
      world,
      foreign.uuid,
      subscribers.filter((_, i) => ['otto', 'ada'].includes(callers[i] ?? '')),
    );
    for (const [i, { payloads }] of subscribers.entries()) {
      const told = payloads.map(
        ({ data }) => data?.clusters as { cluster: { name: string; placement: object | null; seed: object | null } },
      );
      const caller = callers[i];
      expect([caller, new Set(told.map(({ cluster }) => cluster.name))]).toEqual([
        caller,
        new Set(caller === 'ada' ? ['foreign'] : caller === 'otto' ? ['foreign'] : ['own']),
      ]);
      for (const { cluster } of told)
        expect([caller, cluster.placement !== null, cluster.seed !== null]).toEqual([caller, caller === 'ada', caller === 'ada']);
    }
    for (const each of subscribers) each.stop();
  },
);

test('who loses his right is told nothing more, though others who share his answers are', async () => {
  const world = await openWorld();
  world.tokens.set('ben', BEN);
  const { uuid } = await makeCluster(world, 'anna');
  const query = 'subscription ($id: ID!, $after: Int) { clusterProgress(clusterId: $id, after: $after) { number message } }';
  const [anna, ben] = ['anna', 'ben'].map((token) => overSocket(world, token, query, { id: uuid })) as [Subscriber, Subscriber];
  await Promise.all([anna.until(1), ben.until(1)]);
  world.tokens.delete('ben');
  // Longer than a look may be old.
  world.time.now += 6_000;
  await happen(world, uuid, ['after it']);
  await anna.until(2);
  await ben.ended;
  expect(ben.payloads.filter(({ data }) => JSON.stringify(data ?? '').includes('after it'))).toEqual([]);
  anna.stop();
});

const SDL = buildSdl(
  'type Query { a: Int } type Subscription { news(about: String): News } type News { title: String about(word: String): String }',
);

/** A subscriber of `news` for each actor, all told the same value; `title` is made by `make`. */
const audience = (make: (context: Context) => unknown, version: { now: number } = { now: 1 }) => {
  const schema: GraphQLSchema = SDL;
  const field = schema.getSubscriptionType()?.getFields().news;
  const title = (schema.getType('News') as unknown as { getFields(): Record<string, { resolve?: unknown }> }).getFields().title;
  if (field === undefined || title === undefined) throw new Error('No such field.');
  let made = 0;
  const values: object[] = [];
  field.subscribe = async function* () {
    for (const value of values) yield { value };
  };
  field.resolve = (delivery: { value: object }) => delivery.value;
  title.resolve = (_news: object, _args: object, context: Context) => {
    made += 1;
    return make(context);
  };
  const answers = createSharedAnswers(
    createSharedReads({ store: { db: {} as never, version: () => version.now }, clock: { now: () => 0 } }),
    { costOf: () => undefined },
  );
  const contextOf = (actor: Actor) =>
    ({ actor, requestId: `request of ${actor.userName}`, store: { name: 'store' } }) as unknown as Context;
  const hear = async (actor: Actor, value: object, more: Partial<ExecutionArgs> = {}) => {
    values.splice(0, values.length, value);
    const document = DOCUMENT;
    const results = await answers.subscribe({ schema, document, contextValue: contextOf(actor), ...more });
    if (!(Symbol.asyncIterator in results)) throw new Error('Not subscribed.');
    const step = await results.next();
    const result = step.value as ExecutionResult<{ news: { title: string } }>;
    return { title: result.data?.news.title, failed: result.errors !== undefined, text: answers.textOf(result) };
  };
  return { hear, count: () => made };
};

const DOCUMENT = parse('subscription ($a: String, $b: String) { news(about: $a) { title about(word: $b) } }');

test('what is made of what all see alike is made once, and is one text', async () => {
  const { hear, count } = audience(({ actor }) => `for ${actor.projectId}`);
  const value = {};
  const [anna, ben, otto, rita] = [await hear(ANNA, value), await hear(BEN, value), await hear(OTTO, value), await hear(RITA, value)];
  expect([anna.title, ben.title, otto.title, rita.title]).toEqual(['for blue', 'for blue', 'for red', 'for blue']);
  expect(anna.text).toBe('{"data":{"news":{"title":"for blue","about":null}}}');
  expect(ben.text).toBe(anna.text);
  // Rita sees the same project, and has other rights.
  expect(count()).toBe(3);
  expect((await hear(ANNA, {})).title).toBe('for blue');
  expect(count()).toBe(4);
});

test.each<[string, (context: Context) => unknown]>([
  ['name', ({ actor }) => actor.userName],
  ['id', ({ actor }) => actor.userId],
  ['roles, listed with all else', ({ actor }) => JSON.stringify({ ...actor })],
  ['request', ({ requestId }) => requestId],
  ['request, later', async ({ requestId }) => await Promise.resolve(requestId)],
])("what is made of the caller's %s is made for each", async (_what, make) => {
  const { hear, count } = audience(make);
  const value = {};
  const heard = await Promise.all([ANNA, BEN, ANNA].map((actor) => hear(actor, value)));
  const own = await Promise.all([ANNA, BEN, ANNA].map((actor) => hear(actor, {})));
  expect(heard).toEqual(own);
  expect(heard.map(({ text }) => text)).toEqual([undefined, undefined, undefined]);
  expect(heard[0]?.title).not.toBe(heard[1]?.title);
  expect(count()).toBe(6);
});

test('loaders are those of all who see the same, until something is committed or a second is over', () => {
  const at = { version: 1, time: 10_000 };
  const reads = createSharedReads({ store: { db: {} as never, version: () => at.version }, clock: { now: () => at.time } });
  const [first, ben, otto] = [reads.loaders(ANNA), reads.loaders(BEN), reads.loaders(OTTO)];
  expect([ben === first, otto === first, reads.loaders(ANNA) === first]).toEqual([true, false, true]);
  at.version = 2;
  const second = reads.loaders(ANNA);
  at.time += 1_001;
  const third = reads.loaders(ANNA);
  at.time -= 5_000;
  expect(new Set([first, second, third, reads.loaders(ANNA)]).size).toBe(4);
});

test('a commit begins anew; an error is shared with nobody, and not told again', async () => {
  const version = { now: 1 };
  let fails = true;
  const { hear, count } = audience(() => {
    if (fails) throw new Error('not now');
    return `at ${version.now}`;
  }, version);
  const value = {};
  expect(await hear(ANNA, value)).toMatchObject({ failed: true, text: undefined });
  fails = false;
  expect(await hear(ANNA, {})).toMatchObject({ title: 'at 1' });
  version.now = 2;
  expect(await hear(BEN, value)).toMatchObject({ title: 'at 2', failed: false });
  expect(count()).toBe(3);
});

test('variables that show an event make it another; those that choose events do not', async () => {
  const { hear, count } = audience(() => 'news');
  const value = {};
  for (const variableValues of [{ a: '1', b: 'x' }, { a: '2', b: 'x' }, { b: 'x' }]) await hear(ANNA, value, { variableValues });
  expect(count()).toBe(1);
  await hear(ANNA, value, { variableValues: { a: '1', b: 'y' } });
  await hear(ANNA, value, { variableValues: { a: '1', b: 'x' }, document: parse('subscription ($b: String) { news { title } }') });
  expect(count()).toBe(3);
});

test("the resolvers of the API's subscriptions show an event without a look at their arguments", () => {
  const none = new Proxy({}, { get: () => expect.unreachable(), ownKeys: () => expect.unreachable() });
  const fields = Object.values(buildSchema().getSubscriptionType()?.getFields() ?? {});
  expect(fields.length).toBeGreaterThan(3);
  const value = {};
  for (const field of fields) expect(field.resolve?.({ value }, none, { actor: ADA }, {} as never)).toBe(value);
});

test('a variable that was not given is another question than a null, whatever it is called', async () => {
  const { hear, count } = audience(({ actor }) => `for ${actor.projectId}`);
  const document = parse('subscription ($toString: String = "x") { news { title about(word: $toString) } }');
  const value = {};
  for (const variableValues of [{ toString: null }, {}, { toString: 'x' }]) await hear(ANNA, value, { document, variableValues });
  expect(count()).toBe(3);
  await hear(BEN, value, { document, variableValues: {} });
  expect(count()).toBe(3);
});
