import { type GraphQLField, isInputObjectType, isNonNullType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../../../src/api/schema.ts';
import { happen, overSocket, type Subscriber, setNode, setOperation, setState, WAYS } from '../live.ts';
import { openWorld, type World } from '../world.ts';
import { letStrangersIn, STRANGERS } from './callers.ts';
import { absent, furnishCloud, furnishProject, type House, type Thing, waysToName, withoutNames } from './furniture.ts';

/** What a subscription's arguments, or the fields of its filter, can name; a text stands for itself. */
const NAMES: Readonly<Record<string, 'cluster' | 'operation' | 'clusterTemplate' | { theirs: string; none: string }>> = {
  clusterId: 'cluster',
  operationId: 'operation',
  templateId: 'clusterTemplate',
  name: { theirs: 'leaky-cluster', none: 'no-cluster' },
  projectId: { theirs: 'blue', none: 'green' },
};
/** Say nothing of whose. */
const OTHERS = ['after', 'until'];

interface Question {
  about: string;
  theirs: string;
  none: string;
  /** As the two questions name it. */
  things: [Thing, Thing];
}

const selectionOf = (field: string): string => {
  const of: Record<string, string> = {
    clusterProgress: '{ number message }',
    clusters: '{ clusterId cluster { uuid name } }',
    nodes: '{ nodeId node { uuid name } }',
    operationProgress: '{ operation { uuid } }',
  };
  const selection = of[field];
  if (selection === undefined) throw new Error(`What shows in the subscription ${field}? Tell it in this file.`);
  return selection;
};

const document = (field: string, args: string): string => `subscription { ${field}${args} ${selectionOf(field)} }`;

/** In each way that an argument can name something of the house, and something that is not there. */
const questionsOf = (field: GraphQLField<unknown, unknown>, house: House): Question[] =>
  field.args.flatMap((arg) => {
    const type = isNonNullType(arg.type) ? arg.type.ofType : arg.type;
    const inner = isInputObjectType(type) ? Object.keys(type.getFields()) : [arg.name];
    return inner.flatMap((name) => {
      if (OTHERS.includes(name)) return [];
      const kind = NAMES[name];
      if (kind === undefined) throw new Error(`What does ${name} of the subscription ${field.name} name? Tell it in this file.`);
      const there = typeof kind === 'string' ? house[kind] : { id: kind.theirs, uuid: kind.theirs };
      const nowhere = typeof kind === 'string' ? absent(kind, there) : { id: kind.none, uuid: kind.none };
      const asked = (way: string) =>
        document(field.name, isInputObjectType(type) ? `(${arg.name}: { ${name}: "${way}" })` : `(${name}: "${way}")`);
      const ways = [there, nowhere].map(({ id, uuid }) => waysToName({ id, uuid }));
      return (ways[0] ?? []).map((way, i) => ({
        about: `${field.name} by ${name} ${way}`,
        theirs: asked(way),
        none: asked(ways[1]?.[i] ?? ''),
        things: [there, nowhere],
      }));
    });
  });

const allQuestions = (house: House): Question[] =>
  Object.values(buildSchema().getSubscriptionType()?.getFields() ?? {}).flatMap((field) => questionsOf(field, house));

const open = async () => {
  const world = await openWorld({ maxSocketsPerActor: 200 });
  letStrangersIn(world);
  const cloud = await furnishCloud(world, 'common');
  const blue: House = { ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'leaky' })), ...cloud };
  const red = await furnishProject(world, { token: 'otto', projectId: 'red', word: 'own' });
  return { world, blue, red };
};

/** Something of each kind of news. */
const liveOn = async (world: World, { cluster, operation }: House): Promise<void> => {
  await happen(world, cluster.uuid, ['leaky news']);
  await setState(world, cluster.uuid, 'CREATING');
  await setNode(world, { clusterId: cluster.uuid, projectId: 'blue' }, 'leaky-node', 'READY');
  await setOperation(world, operation.uuid, 40, 'RUNNING');
};

const streams = async (world: World): Promise<number> => Number(/seedbed_live_streams (\d+)/.exec(await world.metrics.metrics())?.[1] ?? 0);

/** How a stream did: what it told, and how it ended; null: it is open. */
const told = async (subscriber: Subscriber, thing: Thing) => ({
  payloads: withoutNames(subscriber.payloads, thing).map(({ data, errors }) => ({
    data: data ?? null,
    errors:
      errors?.map(({ message, extensions: { requestId: _, ...extensions } }: { message: string; extensions: Record<string, unknown> }) => ({
        message,
        extensions,
      })) ?? [],
  })),
  ended: await Promise.race([subscriber.ended, new Promise<null>((resolve) => setTimeout(resolve, 5, null))]),
});

describe.each(WAYS)('over %s', (_way, subscribe) => {
  test.each(Object.keys(STRANGERS))('%s hears as little of what is not theirs as of what is not there', async (token) => {
    const { world, blue, red } = await open();
    const pairs = allQuestions(blue).map((question) => ({
      ...question,
      live: [question.theirs, question.none].map((query) => subscribe(world, token, query)),
    }));
    expect(pairs.length).toBeGreaterThanOrEqual(10);
    const live = pairs.flatMap((pair) => pair.live);
    // Every one is refused or open by now.
    const over = new Set<Subscriber>();
    for (const one of live) void one.ended.then(() => over.add(one));
    await expect.poll(async () => over.size + (await streams(world)), { timeout: 10_000 }).toBe(live.length);
    await liveOn(world, blue);
    if (STRANGERS[token]?.projectId === 'red') {
      // Who hears of the own has been told of what happened before.
      const own = overSocket(world, token, document('clusters', ''));
      await expect.poll(async () => over.size + (await streams(world)), { timeout: 10_000 }).toBe(live.length + 1);
      await setState(world, red.cluster.uuid, 'CREATING');
      expect((await own.until(1)).map(({ data }) => data)).toMatchObject([{ clusters: { cluster: { uuid: red.cluster.uuid } } }]);
      own.stop();
    }
    for (const { about, live, things } of pairs) {
      const [theirs, none] = [await told(live[0] as Subscriber, things[0]), await told(live[1] as Subscriber, things[1])];
      expect([about, theirs]).toEqual([about, none]);
      expect([about, theirs.payloads.flatMap(({ data }) => (data === null ? [] : [data]))]).toEqual([about, []]);
      // Whatever names one object is refused; lists stay open and say nothing.
      if (!about.startsWith('clusters by')) expect([about, theirs.ended, theirs.payloads.length]).not.toEqual([about, null, 0]);
    }
    for (const one of live) one.stop();
  });

  test('who may see it hears all of that', async () => {
    const { world, blue } = await open();
    const questions = allQuestions(blue);
    const live = questions.map(({ theirs }) => subscribe(world, 'rita', theirs));
    await expect.poll(() => streams(world), { timeout: 10_000 }).toBe(live.length);
    await liveOn(world, blue);
    await Promise.all(live.map((one) => one.until(1)));
    expect(live.flatMap(({ payloads }) => payloads.flatMap(({ errors = [] }) => errors))).toEqual([]);
    for (const one of live) one.stop();
  });

  test('a token that has ended, or was revoked, opens none', async () => {
    const { world, blue } = await open();
    const anna = world.tokens.get('anna');
    if (anna === undefined) throw new Error('Nobody is there.');
    world.tokens.set('ended', { ...anna, expiresAt: world.time.now + 10_000 }).set('revoked', anna);
    for (const token of ['ended', 'revoked']) expect((await world.post(token, '{ viewer { userName } }')).status).toBe(200);
    world.time.now += 31_000;
    world.tokens.delete('revoked');
    for (const token of ['ended', 'revoked', 'nobody'])
      for (const { about, theirs } of allQuestions(blue)) {
        const one = subscribe(world, token, theirs);
        expect([about, await one.ended, one.payloads]).toEqual([about, expect.stringMatching(/^(?:status 401|44\d\d)$/), []]);
      }
  });
});
