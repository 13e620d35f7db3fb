/**
 * What a server tells strangers in the settings that it has when nobody chose any. The checks are those of graphql-cop 1.x (each by its name
 * there, in our own words), and of clairvoyance, which guesses a schema from hints.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildSchema } from '../../src/api/schema.ts';
import { openStory, type Story } from '../reconcilers/story.ts';

let story: Story;
beforeAll(async () => {
  story = await openStory();
});
afterAll(() => story.close());

interface Answer {
  data?: Record<string, unknown>;
  errors?: { message: string; extensions: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

const post = async (body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; answer: Answer; text: string }> => {
  const answer = await fetch(story.served.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': story.member, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, answer: JSON.parse(text), text };
};
const ask = async (query: string): Promise<Answer> => (await post({ query, operationName: 'cop' })).answer;
const get = (path: string, accept: string) => fetch(`${story.served.url}${path}`, { headers: { 'x-auth-token': story.member, accept } });

const CHECKS: Record<string, () => Promise<void>> = {
  'alias overloading': async () => {
    const names = Array.from({ length: 101 }, (_, i) => `alias${i}: __typename`);
    expect((await ask(`query cop { ${names.join(' ')} }`)).data).toBeUndefined();
  },
  'array-based query batching': async () => {
    const { status, answer } = await post(Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' })));
    expect([status, Array.isArray(answer)]).toEqual([400, false]);
  },
  'introspection-based circular query': async () => {
    const ring = `${'fields { type { '.repeat(4)}name${' } }'.repeat(4)}`;
    expect((await ask(`query cop { __schema { types { ${ring} } } }`)).data).toBeUndefined();
  },
  'circular fragment': async () => {
    const { data, errors } = await ask('query cop { ...a } fragment a on Query { ...b } fragment b on Query { ...a }');
    expect([data, errors?.[0]?.extensions['code']]).toEqual([undefined, 'GRAPHQL_VALIDATION_FAILED']);
  },
  'directive overloading': async () => {
    const { data, errors } = await ask(`query cop { __typename ${'@aa'.repeat(10)} }`);
    expect(data).toBeUndefined();
    expect(errors?.length).toBeLessThan(10);
  },
  'field duplication': async () => {
    expect((await ask(`query cop { ${'__typename '.repeat(500)} }`)).data).toBeUndefined();
  },
  'field suggestions': async () => {
    for (const query of ['query cop { __schema { directive } }', 'query cop { viewr { userName } }', 'query cop { viewer { userNam } }'])
      expect(JSON.stringify(await ask(query))).not.toContain('Did you mean');
  },
  'mutation over GET': async () => {
    const answer = await get(`?query=${encodeURIComponent('mutation cop { __typename }')}`, '*/*');
    expect([answer.status, await answer.text()]).toEqual([405, expect.not.stringContaining('"data"')]);
  },
  // With a token, which no page can send, it is answered: GraphQL over HTTP has it so.
  'query over GET': async () => {
    const answer = await fetch(`${story.served.url}?query=${encodeURIComponent('query cop { __typename }')}`);
    expect([answer.status, await answer.text()]).toEqual([405, expect.not.stringContaining('"data"')]);
  },
  'GraphQL IDE': async () => {
    for (const path of ['', '/', '/../', '/../graphiql', '/../playground', '/../console', '/../altair', '/../voyager']) {
      const answer = await get(path, 'text/html');
      expect([answer.status < 400, await answer.text()]).toEqual([false, expect.not.stringMatching(/graphiql|playground/i)]);
    }
  },
  introspection: async () => {
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "Query") { name } }', '{ a: __schema { queryType { name } } }'])
      expect((await post({ query })).answer.data).toBeUndefined();
    expect((await get('/../schema.graphql', '*/*')).status).toBe(404);
  },
  'POST of a form': async () => {
    const answer = await fetch(story.served.url, {
      method: 'POST',
      headers: { 'x-auth-token': story.member },
      body: new URLSearchParams({ query: 'query cop { __typename }' }),
    });
    expect([answer.status, await answer.text()]).toEqual([415, expect.not.stringContaining('"data"')]);
  },
  'trace mode': async () => {
    for (const headers of [{}, { 'apollo-tracing': '1' }, { 'x-apollo-tracing': '1' }, { 'apollo-federation-include-trace': 'ftv1' }]) {
      const { answer } = await post({ query: '{ viewer { userName } }', extensions: { tracing: true, explain: true } }, headers);
      expect(Object.keys(answer.extensions ?? {})).toEqual(['cost']);
    }
  },
  'unhandled error': async () => {
    for (const body of ['{"query":7}', '{', 'null', '{"query":"query cop { __typename } #","variables":"x"}']) {
      const { status, text } = await post(body);
      expect(status).toBe(400);
      expect(text).not.toMatch(/exception|stack|trace|\bat \w+|node_modules/i);
    }
  },
};

test.each(Object.entries(CHECKS))('graphql-cop: %s', (_name, check) => check());

/** What must be given is named: whoever may call has to learn what is missing. The other one is the end of a list of mistakes. */
const SAYS_NOTHING_NEW = / of required type .+ was not provided|^Too many validation errors/;

test('whoever guesses gets no name that was not in the guess', async () => {
  const schema = buildSchema();
  const names = Object.values(schema.getTypeMap())
    .filter((type) => !type.name.startsWith('__') && 'getFields' in type)
    .flatMap((type) => [type.name, ...Object.keys((type as { getFields(): object }).getFields())]);
  const known = [...new Set(names)].filter((name) => name.length > 4);
  const told = new Set<string>();
  // Each name with one letter less, as a field, an argument, a type and a value: what is nearest would be suggested.
  for (let at = 0; at < known.length; at += 5) {
    const some = known.slice(at, at + 5);
    const near = some.map((name) => `${name.slice(0, -1)}${name.endsWith('x') ? 'y' : 'x'}`);
    const queries = [
      `{ ${near.join(' ')} }`,
      `{ clusters(${near.map((name) => `${name}: 1`).join(' ')}) { nodes { ${near.join(' ')} } } }`,
      `query (${near.map((name, i) => `$v${i}: ${name}`).join(' ')}) { node(id: "x") { ${near.map((name) => `... on ${name} { id }`).join(' ')} } }`,
      `mutation { createCluster(input: { ${near.map((name) => `${name}: ${name}`).join(' ')} }) { __typename } }`,
    ];
    const { answer } = await post({ query: queries[(at / 5) % queries.length] });
    expect(answer.data).toBeUndefined();
    const messages = answer.errors?.map(({ message }) => message).filter((message) => !SAYS_NOTHING_NEW.test(message));
    for (const name of some) if (new RegExp(`\\b${name}\\b`).test(messages?.join(' ') ?? '')) told.add(name);
  }
  // What the queries themselves ask by its right name is no news, nor are types of what they ask, nor the messages' own words.
  const asked = [
    'clusters',
    'nodes',
    'CreateClusterInput',
    'Query',
    'Mutation',
    'Cluster',
    'query',
    'mutation',
    'field',
    'ClusterConnection',
  ];
  expect([...told].filter((name) => !asked.includes(name))).toEqual([]);
});
