import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { measureDocument } from '../../src/api/limits.ts';
import { buildSchema } from '../../src/api/schema.ts';
import { openWorld } from './world.ts';

const repeat = (n: number, part: (i: number) => string) => Array.from({ length: n }, (_, i) => part(i)).join(' ');
const nested = (n: number) => `${'nodes { cluster { nodes { '.repeat(n)} nodes { name } ${'} } }'.repeat(n)}`;

const BOMBS: [string, string, string][] = [
  ['many tokens', `{ ${'viewer { userName } '.repeat(600)} }`, '2000 tokens'],
  ['many aliases', `{ ${repeat(200, (i) => `a${i}: viewer { userName }`)} }`, 'ALIAS_LIMIT'],
  ['deep', `{ clusters { nodes { ${nested(5)} } } }`, 'DEPTH_LIMIT'],
  ['fields that meet each other', `{ ${'viewer { userName } '.repeat(400)} }`, 'REPEAT_LIMIT'],
  ['fields that meet one level down', `{ ${`viewer { ${'userName '.repeat(40)} } `.repeat(40)} }`, 'REPEAT_LIMIT'],
  [
    'fields that meet through fragments',
    `{ ${repeat(150, (i) => `...f${i}`)} } ${repeat(150, (i) => `fragment f${i} on Query { viewer { userName } }`)}`,
    'REPEAT_LIMIT',
  ],
  [
    'wide pages in wide pages',
    '{ clusters(first: 100) { nodes { nodes(first: 100) { nodes { cluster { events(first: 100) { nodes { number } } } } } } } }',
    'COST_LIMIT',
  ],
  [
    'pages behind a variable',
    'query ($n: Int) { clusters(first: $n) { nodes { nodes(first: $n) { nodes { cluster { events(first: $n) { nodes { number } } } } } } } }',
    'COST_LIMIT',
  ],
  ['many mutations', `mutation { ${repeat(30, (i) => `a${i}: cordonSeed(input: { seedId: "s" }) { __typename }`)} }`, 'COST_LIMIT'],
  [
    'fragments in fragments',
    `{ clusters { nodes { ...f0 } } } ${repeat(60, (i) => `fragment f${i} on Cluster { ...f${i + 1} ... on Cluster { ...f${i + 1} } nodes { nodes { name } } }`)} fragment f60 on Cluster { id }`,
    'COST_LIMIT',
  ],
  [
    'deep through fragments',
    `{ clusters { nodes { ...f0 } } } ${repeat(12, (i) => `fragment f${i} on Cluster { nodes { nodes { cluster { ...f${i + 1} } } } }`)} fragment f12 on Cluster { id }`,
    'DEPTH_LIMIT',
  ],
  [
    'fragments in a ring',
    '{ clusters { nodes { ...a } } } fragment a on Cluster { id ...b } fragment b on Cluster { id ...a }',
    'GRAPHQL_VALIDATION_FAILED',
  ],
];

test.each(BOMBS)('a document bomb is refused at once: %s', async (_name, query, code) => {
  const world = await openWorld();
  const { data, errors } = await world.post('ada', query);
  expect(data).toBeNull();
  expect(JSON.stringify(errors)).toContain(code);
});

test('measuring takes time linear in the document, however fragments are spread', () => {
  const document = parse(
    `{ viewer { ...f0 } } ${repeat(200, (i) => `fragment f${i} on Viewer { ...f${i + 1} ... on Viewer { ...f${i + 1} } }`)} fragment f200 on Viewer { userId }`,
  );
  // Two ways into each of 200 fragments: 2^200 steps for who goes them all.
  expect(measureDocument(buildSchema(), document).errors[0]?.extensions.code).toBe('COST_LIMIT');
});

test('a view of many parts may ask for the same fields in each', async () => {
  const world = await openWorld();
  const parts = repeat(25, (i) => `fragment f${i} on Viewer { userName userId roles canWrite isCloudAdmin }`);
  await world.data('anna', `{ viewer { ${repeat(25, (i) => `...f${i}`)} } } ${parts}`);
});

test('what a dashboard asks for is allowed', async () => {
  const world = await openWorld();
  await world.data(
    'ada',
    `{ clusters(first: 50) { edges { node { id name state conditions { name status message problem { message } }
       nodeGroups(first: 10) { nodes { name nodes(first: 20) { nodes { name state fault { problem { message } } } } } } operations(first: 5) { nodes { kind state steps { name waitingFor { what } } } } } } pageInfo { hasNextPage } }
       seeds { nodes { name usedClusters conditions { name } } } viewer { userName } kubernetesVersions { version upgradeTargets } }`,
  );
});

test('the schema can be read where that is wanted, and not even guessed at where it is not', async () => {
  const asked = '{ __schema { types { name fields { name type { name ofType { name ofType { name ofType { name } } } } } } } }';
  const open = await openWorld();
  expect(JSON.stringify(await open.data('anna', asked))).toContain('createCluster');
  expect((await open.post('anna', '{ viewer { userNam } }')).errors[0]?.message).toContain('Did you mean');
  const shut = await openWorld({ introspection: false });
  expect((await shut.post('anna', asked)).errors[0]?.message).toContain('introspection');
  const guess = await shut.post(
    'anna',
    'query ($i: CreateClusterInputt) { viewer { userNam } clusters(frst: 3) { nodes { ... on Clustr { id } } } }',
  );
  expect(guess.errors.length).toBeGreaterThan(2);
  expect(JSON.stringify(guess.errors)).not.toMatch(/Did you mean|userName|"first|ClusterInput"/);
});
