import { buildSchema, getNamedType, isInterfaceType, isObjectType, isUnionType } from 'graphql';
import { expect, test } from 'vitest';
import { encodingOf } from '../../src/api/compression.ts';
import { printedSchema } from '../../src/api/schema.ts';
import { PROGRESS } from './live.ts';
import { makeCluster, openWorld, type World } from './world.ts';

const LONG = '{ __schema { types { name description } } }';

const send = (world: World, query: string, encodings: string, variables: object = {}, accept = 'application/json') =>
  fetch(world.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': 'anna', 'accept-encoding': encodings, accept },
    body: JSON.stringify({ query, variables }),
  });

test.each([
  ['gzip', 'gzip'],
  ['gzip, deflate, br', 'br'],
  ['br;q=0.5, gzip', 'gzip'],
  ['*', 'br'],
  ['br;q=0, *;q=0.1', 'gzip'],
  ['GZIP;Q=0.7', 'gzip'],
  ['identity, gzip;q=0.5', null],
  ['gzip;q=0', null],
  ['deflate, zstd', null],
  ['', null],
  [undefined, null],
])('who takes %s gets %s', (accepted, encoding) => expect(encodingOf(accepted)).toBe(encoding));

test.each(['br', 'gzip'])('a long answer to a query goes as %s, and says the same', async (encoding) => {
  const world = await openWorld();
  const [plain, short] = [await send(world, LONG, 'identity'), await send(world, LONG, encoding)];
  expect([plain.headers.get('content-encoding'), short.headers.get('content-encoding')]).toEqual([null, encoding]);
  expect(short.headers.get('vary')).toContain('Accept-Encoding');
  const text = await plain.text();
  expect(await short.text()).toBe(text);
  // From memory, packed already.
  const again = await send(world, LONG, encoding);
  expect([again.headers.get('content-encoding'), again.headers.get('content-length')]).toEqual([
    encoding,
    short.headers.get('content-length'),
  ]);
  expect(await again.text()).toBe(text);
  expect(Number(short.headers.get('content-length'))).toBeLessThan(text.length / 3);
});

test('short answers, mutations, streams and errors before GraphQL go as they are', async () => {
  const world = await openWorld();
  const { id } = await makeCluster(world, 'anna');
  const mutations = Array.from(
    { length: 9 },
    (_, i) => `m${i}: retryOperation(input: { operationId: "x" }) { __typename ... on Problem { message remedy } }`,
  );
  const mutation = await send(world, `mutation { ${mutations.join(' ')} }`, 'gzip, br');
  expect(mutation.headers.get('content-encoding')).toBeNull();
  expect((await mutation.text()).length).toBeGreaterThan(1_024);
  const stream = await send(world, PROGRESS, 'gzip, br', { id, until: 'SETTLED' }, 'text/event-stream');
  // Yoga's own word, which keeps proxies from buffering.
  expect([stream.status, stream.headers.get('content-encoding')]).toEqual([200, 'none']);
  await stream.body?.cancel();
  for (const query of ['{ viewer { userName } }', `{ nothing${'x'.repeat(2_000)} }`, '{'])
    expect((await send(world, query, 'gzip, br')).status).toBe(200);
  expect((await send(world, '{ viewer { userName } }', 'gzip, br')).headers.get('content-encoding')).toBeNull();
});

test('the schema has a tag for each encoding, any of which is known again', async () => {
  const world = await openWorld();
  const get = (headers: Record<string, string>) => fetch(world.page('/schema.graphql'), { headers });
  const [plain, short] = [await get({ 'accept-encoding': 'identity' }), await get({ 'accept-encoding': 'br' })];
  expect([short.headers.get('content-encoding'), await short.text()]).toEqual(['br', await plain.text()]);
  const tags = [plain, short].map(({ headers }) => headers.get('etag') ?? '');
  expect(new Set(tags).size).toBe(2);
  for (const tag of tags) expect((await get({ 'if-none-match': tag })).status).toBe(304);
});

/** Texts of a query whose names sound like secrets, and what they are. */
const HARMLESS = ['BundleChoice.secretOptions', 'Label.key', 'Taint.key'];

test('no text that a query answers sounds like a secret: compressed answers may hold none', () => {
  const schema = buildSchema(printedSchema());
  const open = [schema.getQueryType()];
  const seen = new Set(open);
  const found: string[] = [];
  for (let type = open.pop(); type !== undefined; type = open.pop()) {
    const next = isUnionType(type) ? schema.getPossibleTypes(type) : [];
    const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
    for (const field of fields) {
      const of = getNamedType(field.type);
      if (of.name === 'String' && /kubeconfig$|secret|password|token|key$|userData/i.test(field.name))
        found.push(`${type?.name}.${field.name}`);
    }
    const implementing = isInterfaceType(type) ? schema.getPossibleTypes(type) : [];
    for (const one of [...next, ...implementing, ...fields.map((field) => getNamedType(field.type))])
      if ((isObjectType(one) || isInterfaceType(one) || isUnionType(one)) && !seen.has(one as never)) {
        seen.add(one as never);
        open.push(one as never);
      }
  }
  expect(seen.size).toBeGreaterThan(50);
  expect(found.filter((name) => !HARMLESS.includes(name))).toEqual([]);
});
