/** Ids of operations on a socket, used again while the one before is still on its way out: with graphql-ws itself, and a peer that takes its time. */
import { buildSchema, subscribe } from 'graphql';
import { makeServer } from 'graphql-ws';
import { expect, test } from 'vitest';
import { createSocketIds } from '../../src/api/socketIds.ts';

const schema = buildSchema('type Query { a: Int } type Subscription { told(by: String!): String! }');

/** Tells its name once, and is silent until it is ended. */
const source = (name: string, live: Set<string>): AsyncIterableIterator<{ told: string }> => {
  let end = () => {};
  let told = false;
  let over = false;
  live.add(name);
  return {
    next: async () => {
      if (told && !over) await new Promise<void>((resolve) => (end = resolve));
      if (over) return { done: true, value: undefined };
      told = true;
      return { done: false, value: { told: name } };
    },
    return: async () => {
      live.delete(name);
      over = true;
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

/** A connection whose peer takes what it is told when `read` is called. */
const openLine = async (guarded: boolean) => {
  const live = new Set<string>();
  const messages: { id?: string; type: string; payload?: { data: { told: string } } }[] = [];
  const unread: (() => void)[] = [];
  const refused: string[] = [];
  let handle: (text: string) => Promise<void> = async () => {};
  let isOpen: (id: string) => boolean = () => true;
  const server = makeServer({
    schema,
    roots: { subscription: { told: ({ by }: { by: string }) => source(by, live) } },
    subscribe,
    onConnect: (ctx) => {
      isOpen = (id) => id in ctx.subscriptions;
      return true;
    },
  });
  const closed = server.opened(
    {
      protocol: 'graphql-transport-ws',
      send: (text) => {
        messages.push(JSON.parse(text));
        return new Promise<void>((resolve) => unread.push(resolve));
      },
      close: (code) => void refused.push(String(code)),
      onMessage: (take) => {
        handle = take;
      },
    },
    {},
  );
  const take = guarded
    ? createSocketIds({ handle, isOpen: (id) => isOpen(id), refuse: (id) => void refused.push(id), refuseLong: () => {} })
    : (text: string) => handle(text);
  const pause = () => new Promise((resolve) => setImmediate(resolve));
  const say = async (message: object) => {
    void take(JSON.stringify(message));
    await pause();
  };
  const read = async () => {
    for (let i = 0; i < 5; i += 1) {
      for (const resolve of unread.splice(0)) resolve();
      await pause();
    }
  };
  await say({ type: 'connection_init' });
  await read();
  const begin = (by: string) => say({ id: '1', type: 'subscribe', payload: { query: `subscription { told(by: "${by}") }` } });
  const told = () => messages.flatMap(({ payload }) => payload?.data?.told ?? []);
  return { live, messages, refused, say, read, begin, told, end: () => say({ id: '1', type: 'complete' }), hangUp: () => closed(1000, '') };
};

test('graphql-ws by itself forgets the second with the first, which is why there is a guard', async () => {
  const line = await openLine(false);
  await line.begin('first');
  await line.end();
  await line.begin('second');
  await line.read();
  await line.hangUp();
  expect([...line.live]).toEqual(['second']);
});

test('the second begins when the first has ended, is ended by its id, and by the end of its socket', async () => {
  for (const way of ['complete', 'close']) {
    const line = await openLine(true);
    await line.begin('first');
    await line.end();
    await line.begin('second');
    expect([...line.live]).toEqual([]);
    await line.read();
    expect([line.told(), [...line.live]]).toEqual([['first', 'second'], ['second']]);
    expect(line.messages.filter(({ type }) => type === 'complete')).toEqual([]);
    await (way === 'complete' ? line.end() : line.hangUp());
    await line.read();
    expect([...line.live]).toEqual([]);
    expect(line.refused).toEqual([]);
  }
});

test('one that is ended while it waits is not begun, and the next one is', async () => {
  const line = await openLine(true);
  for (const name of ['first', 'second', 'third']) {
    await line.begin(name);
    await line.end();
  }
  await line.begin('fourth');
  await line.read();
  expect([line.told(), [...line.live]]).toEqual([['first', 'fourth'], ['fourth']]);
});

test('an id that is in use, or waited for, is refused', async () => {
  const used = await openLine(true);
  await used.begin('first');
  await used.begin('second');
  expect([used.refused, [...used.live]]).toEqual([['4409'], ['first']]);
  const awaited = await openLine(true);
  await awaited.begin('first');
  await awaited.end();
  await awaited.begin('second');
  await awaited.begin('third');
  expect(awaited.refused).toEqual(['1']);
});
