/** Compiled queries: the text that graphql-js's answer would be, or nothing, and then graphql-js is asked. */
import { execute, GraphQLError, type GraphQLSchema, parse, specifiedRules, validate } from 'graphql';
import { createSchema } from 'graphql-yoga';
import { expect, test } from 'vitest';
import { compileQuery } from '../../src/api/compiledQuery.ts';
import type { Context } from '../../src/api/context.ts';
import { buildSchema } from '../../src/api/schema.ts';
import { randomFrom } from '../faults/random.ts';
import { createDocumentMaker } from '../hostile/documents.ts';

const soon = async <T>(value: T): Promise<T> => value;
const refuse = () => {
  throw new GraphQLError('Refused.');
};

const toy = createSchema({
  typeDefs: `
    interface Named { name: String! }
    enum Colour { RED BLUE }
    input Around { from: Int! = 1, to: Int }
    type Leaf implements Named {
      id: ID! name: String! colour: Colour colours: [Colour!] number: Int float: Float is: Boolean next: Leaf nexts: [Leaf] must: [Leaf!]! matrix: [[Int]]
      echo(text: String = "none", around: Around, all: [Int!]): String!
      late: String lates: [String] bad: String badLater: String! error: String object: Leaf method: String mustNull: String! of(count: Int! = 2): [Leaf!]!
    }
    type Other implements Named { name: String! other: String }
    type Query { leaf: Leaf leaves(first: Int): [Leaf!]! named: Named nothing: Leaf list: [Leaf] bad: Leaf }
  `,
  resolvers: {
    Named: { __resolveType: () => 'Leaf' },
    Leaf: {
      echo: (leaf: { id: string }, args: object) => JSON.stringify([leaf.id, args]),
      next: ({ id }: { id: string }) => ({ ...leaf, id: `${id}n` }),
      nexts: ({ id }: { id: string }) => [{ ...leaf, id: `${id}1` }, null, soon({ ...leaf, id: `${id}2` })],
      must: async ({ id }: { id: string }) => [{ ...leaf, id: `${id}m` }],
      of: (_leaf: unknown, { count }: { count: number }) => Array.from({ length: count }, (_, n) => ({ ...leaf, id: n })),
      late: () => soon('late "quoted" \u2028 \ud800'),
      lates: () => [soon('a'), null, 'b'],
      bad: refuse,
      badLater: async () => refuse(),
      error: () => new GraphQLError('An error as a value.'),
      object: () => new GraphQLError('An error as an object.'),
      mustNull: () => null,
    },
    Query: {
      leaf: () => leaf,
      leaves: async (_root: unknown, { first }: { first?: number }) =>
        Array.from({ length: first ?? 3 }, (_, id) => ({ ...leaf, id: String(id) })),
      named: () => leaf,
      nothing: () => undefined,
      list: () => [leaf, null],
      bad: refuse,
    },
  },
});

const leaf = {
  id: 7,
  name: 'a "name"\n\\ \u0000 ü 😀',
  colour: 'RED',
  colours: ['BLUE', 'RED'],
  number: -0,
  float: 1e21,
  is: false,
  matrix: [[1, null], null, []],
  method: () => 'called',
};

const run = async (schema: GraphQLSchema, query: string, variables: Record<string, unknown> = {}, operationName: string | null = null) => {
  const document = parse(query);
  expect(validate(schema, document, specifiedRules)).toEqual([]);
  const compiled = compileQuery(schema, document, operationName);
  const context = { store: { db: {} } } as Context;
  const text = compiled === null ? 'not compiled' : await compiled.run(context, variables);
  const result = await execute({ schema, document, contextValue: context, variableValues: variables, operationName });
  return { text, plain: JSON.stringify(result.data), errors: result.errors };
};

test.each([
  '{ leaf { id name colour colours number float is matrix method __typename } }',
  '{ nothing { id } leaf { nexts { id next { id } } must { id must { id } } late lates } }',
  '{ leaves { id of { id of(count: 1) { name } } echo } list { id } }',
  '{ leaves(first: 0) { id must { id } } }',
  '{ a: leaf { b: id, a: id } leaf { id } a: leaf { c: name, b: id } }',
  '{ leaf { ...F ... on Leaf { colour } ... on Named { name } ... { is } ...F } } fragment F on Named { name ...G } fragment G on Leaf { id next { ...H } } fragment H on Leaf { id }',
  '{ leaf { ... on Named { ... on Other { other } } } leaves { ... on Named { ... on Other { other } } } }',
  '{ leaf { echo a: echo(text: null) b: echo(text: "x", around: { to: 3 }, all: 4) } }',
])('%s', async (query) => {
  const { text, plain, errors } = await run(toy, query);
  expect([text, errors]).toEqual([plain, undefined]);
});

test('variables: given, not given, by default, null', async () => {
  const query = 'query ($first: Int = 1, $text: String, $to: Int) { leaves(first: $first) { echo(text: $text, around: { to: $to }) } }';
  for (const variables of [{}, { first: 2 }, { text: null, to: 1 }, { text: 'x' }, { first: null }]) {
    const { text, plain } = await run(toy, query, variables);
    expect([variables, text]).toEqual([variables, plain]);
  }
});

test('one of several operations', async () => {
  const query = 'query A { leaf { id } } query B { leaf { name } }';
  for (const name of ['A', 'B']) {
    const { text, plain } = await run(toy, query, {}, name);
    expect(text).toBe(plain);
  }
});

test.each([
  ['an error', '{ leaf { id bad } }'],
  ['an error of the root', '{ bad { id } leaf { late } }'],
  ['an error that comes later, beside one at once', '{ leaves { badLater bad } }'],
  ['an error as a value', '{ leaf { error } }'],
  ['an error as an object', '{ leaf { object { id } } }'],
  ['nothing where something must be', '{ leaf { next { mustNull } } }'],
])('%s is for graphql-js to tell, and is nobody else’s', async (_name, query) => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', hear);
  const { text, errors } = await run(toy, query);
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off('unhandledRejection', hear);
  expect([text, errors?.length, unhandled]).toEqual([null, expect.any(Number), []]);
});

test('variables that do not fit are for graphql-js to tell', async () => {
  const query = 'query ($first: Int) { leaves(first: $first) { id } }';
  expect((await run(toy, query, { first: 'many' })).text).toBeNull();
});

test.each([
  '{ leaf { id @include(if: true) } }',
  '{ leaf { ... @skip(if: true) { id } name } }',
  '{ named { name } }',
  '{ __schema { queryType { name } } }',
  `{ leaf { ...A } } fragment A on Leaf { ${'abcdefg'
    .split('')
    .map((name) => `${name}: next { ...B }`)
    .join(' ')} } fragment B on Leaf { ${'abcdefg'
    .split('')
    .map((name) => `${name}: next { ...C }`)
    .join(' ')} } fragment C on Leaf { id name colour is float number }`,
])('%s is left to graphql-js', async (query) => expect((await run(toy, query)).text).toBe('not compiled'));

const schema = buildSchema();

test('documents made along the schema are compiled without a fault, and give what graphql-js gives to who sees nothing', async () => {
  const make = createDocumentMaker(randomFrom(4_711));
  let compared = 0;
  for (let i = 0; i < 3_000; i += 1) {
    let document: ReturnType<typeof parse>;
    try {
      document = parse(make());
    } catch {
      continue;
    }
    if (validate(schema, document).length > 0) continue;
    const compiled = compileQuery(schema, document, null);
    if (compiled === null) continue;
    compared += 1;
    const text = await compiled.run({ store: { db: {} } } as Context, {});
    const result = await execute({ schema, document, contextValue: {} });
    // Resolvers find nothing to resolve by, so most of it are errors.
    if (text !== null || result.errors === undefined) expect(text).toBe(JSON.stringify(result.data));
  }
  expect(compared).toBeGreaterThan(20);
});
