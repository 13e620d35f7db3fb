/** Documents as they are kept, and Yoga in front of them: on a schema of the test's own, of which nothing is ever removed. */
import { buildSchema } from 'graphql';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { Context } from '../../src/api/context.ts';
import { createDocuments } from '../../src/api/document.ts';
import { createApiMetrics } from '../../src/api/metrics.ts';
import { createYogaServer, type ServerContext } from '../../src/api/yoga.ts';
import { silentLog } from '../../src/lib/log.ts';

const schema = buildSchema('type Query { new: Int old: Int @deprecated(reason: "Use new instead; old is removed in 2.0.0.") }');

test('a document that asks for what is deprecated is refused to who wants an answer without it, and to nobody else, in any order', async () => {
  const yoga = createYogaServer({
    schema,
    documents: createDocuments(schema, true),
    answers: { subscribe: () => Promise.reject(new Error('Nothing is subscribed to here.')) },
    graphiql: false,
    log: silentLog,
    metrics: createApiMetrics(new Registry(), { streams: () => 0, sockets: () => 0 }),
  });
  const ask = async (query: string, withoutDeprecated: boolean) => {
    const context = { context: { requestId: 'r' } as Context, withoutDeprecated } as ServerContext;
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query }) };
    return (await (await yoga.fetch('http://localhost/graphql', init, context)).json()) as {
      data?: object;
      errors?: { message: string }[];
    };
  };
  const { data, errors } = await ask('{ old }', false);
  expect([data, errors]).toEqual([{ old: null }, undefined]);
  expect((await ask('{ old }', true)).errors?.[0]?.message).toContain('Use new instead');
  expect((await ask('{ old }', false)).data).toEqual({ old: null });
  expect((await ask('{ new }', true)).data).toEqual({ new: null });
});

test('a document is kept by its text while there is room; the one that was not asked for the longest makes it', () => {
  const documents = createDocuments(schema, true);
  const text = (i: number) => `{ new } # ${i} ${'x'.repeat(10_000)}`;
  const first = documents.parse(text(0));
  const second = documents.parse(text(1));
  expect(documents.parse(text(0))).toBe(first);
  for (let i = 2; i < 26; i += 1) documents.parse(text(i));
  expect(documents.parse(text(0))).toBe(first);
  documents.parse(text(26));
  // The first was asked for meanwhile, so the second has gone.
  expect(documents.parse(text(0))).toBe(first);
  expect(documents.parse(text(1))).not.toBe(second);
});

test('what may not be run, or is very long, is not kept', () => {
  const documents = createDocuments(schema, true);
  const long = `{ new } # ${'x'.repeat(20_000)}`;
  for (const text of ['{ unknown }', long]) expect(documents.parse(text)).not.toBe(documents.parse(text));
});

test('lists in lists down to the end of the stack are refused by name, in the document and in what it is checked by', () => {
  const documents = createDocuments(schema, true);
  const nested = (levels: number) => `{ new(a: ${'['.repeat(levels)}${']'.repeat(levels)}) }`;
  // Whichever comes first: how deep a stack goes is the machine's.
  const refused = { extensions: { code: expect.stringMatching(/^(DEPTH_LIMIT|GRAPHQL_PARSE_FAILED)$/) } };
  expect(() => documents.parse(nested(10_000))).toThrow(expect.objectContaining(refused));
  // Whatever depth is still read is looked at, too.
  for (let levels = 100; levels < 1_000; levels += 100)
    expect(documents.check(documents.parse(nested(levels)), false)[0]?.message).toMatch(/argument "a"|too deeply/);
});
