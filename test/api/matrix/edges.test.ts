import { expect, test } from 'vitest';
import { decodeId } from '../../../src/api/ids.ts';
import { patchCluster } from '../../../src/store/reconcile.ts';
import { openWorld } from '../world.ts';
import { letIn, letStrangersIn, STRANGERS } from './callers.ts';
import { watchStatements } from './database.ts';
import { absent, furnishCloud, furnishProject, type Kind, type Thing } from './furniture.ts';
import { queriesNear, walksFromNode } from './walks.ts';

const open = async () => {
  const world = await openWorld();
  const statements = await watchStatements(world);
  letStrangersIn(world);
  letIn(world, 'cora', { projectId: null, isSystemScoped: true, roles: ['reader'] });
  const cloud = await furnishCloud(world, 'common');
  const blue = await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'leaky' });
  const red = await furnishProject(world, { token: 'otto', projectId: 'red', word: 'own' });
  // Neighbours in one seed, whose queue and list of clusters know both.
  for (const { cluster } of [blue, red])
    await world.store.transaction((tx) =>
      patchCluster(tx, cluster.uuid, { seedId: cloud.seed.uuid, seedTurn: 'WAITING', seedTurnAt: world.time.now }),
    );
  return { world, statements, cloud, blue, red };
};

const typeOf = ({ id }: Thing): string => decodeId(id)?.typename ?? '';
const hasGlobalId = (thing: Thing): boolean => typeOf(thing) !== '';

type Open = Awaited<ReturnType<typeof open>>;

/** Every walk from every object of both projects and of the cloud, and every query. */
const walks = ({ cloud, blue, red }: Open): string[] => {
  const things: Thing[] = [...Object.values(blue), ...Object.values(red), ...Object.values(cloud)].filter(hasGlobalId);
  return [...queriesNear(things.map(({ id }) => id)), ...things.flatMap((thing) => walksFromNode(thing.id, typeOf(thing)))];
};

/** Documents whose answers show something of a project, by its objects' ids or by the word that its names begin with. */
const shownOf = async (
  { world }: Open,
  token: string,
  documents: string[],
  things: Record<string, Thing>,
  word: string,
): Promise<string[]> => {
  const shown: string[] = [];
  for (const document of documents) {
    const { data, errors, status } = await world.post(token, document);
    // A document that is refused shows nothing to anybody.
    const refusals = errors.filter(({ extensions: { code } }) => code !== 'FORBIDDEN');
    expect([document, status, refusals]).toEqual([document, 200, []]);
    const answer = JSON.stringify([data, errors]);
    if (answer.includes(word) || Object.values(things).some(({ id, uuid }) => answer.includes(id) || answer.includes(uuid)))
      shown.push(`${token}: ${document} → ${answer}`);
  }
  return shown;
};

test.each(Object.keys(STRANGERS))(
  '%s comes along no edge to what another project has',
  async (token) => {
    const opened = await open();
    expect(await shownOf(opened, token, walks(opened), opened.blue, 'leaky')).toEqual([]);
  },
  120_000,
);

test('the same walks come to all of it for who may see it, and to a seed only for who sees seeds', async () => {
  const opened = await open();
  const documents = walks(opened);
  const { blue, red, cloud } = opened;
  for (const [token, things, word] of [
    ['rita', blue, 'leaky'],
    ['otto', red, 'own-'],
  ] as const) {
    const shown = (await shownOf(opened, token, documents, things, word)).join();
    expect(Object.entries(things).filter(([, { uuid }]) => !shown.includes(uuid))).toEqual([]);
  }
  const hidden = { seed: cloud.seed, orphan: cloud.orphan };
  expect(await shownOf(opened, 'rita', documents, hidden, 'common-seed')).toEqual([]);
  const seen = (await shownOf(opened, 'cora', documents, { ...blue, ...red, ...hidden }, 'common-seed')).join();
  expect(Object.entries({ ...blue, ...red, ...hidden }).filter(([, { uuid }]) => !seen.includes(uuid))).toEqual([]);
}, 120_000);

test.each(Object.keys(STRANGERS))('%s: by node and nodes, what is not theirs takes the statements of what is not there', async (token) => {
  const { world, statements, blue } = await open();
  for (const [kind, thing] of Object.entries(blue)) {
    const ask = async (id: string) => {
      statements.length = 0;
      const answer = await world.data(token, `{ node(id: "${id}") { __typename id } nodes(ids: ["${id}"]) { __typename id } }`);
      return { answer, statements: [...statements] };
    };
    expect([kind, await ask(thing.id)]).toEqual([kind, await ask(absent(kind as Kind, thing).id)]);
    expect([kind, (await ask(thing.id)).answer]).toEqual([kind, { node: null, nodes: [null] }]);
  }
});

test('a token that has ended, or was revoked, or never was, walks nowhere, though it was answered before', async () => {
  const opened = await open();
  const { world, blue } = opened;
  const anna = world.tokens.get('anna');
  if (anna === undefined) throw new Error('Nobody is there.');
  world.tokens.set('ended', { ...anna, expiresAt: world.time.now + 10_000 }).set('revoked', anna);
  const byId = Object.values(blue).map(({ id }) => `{ node(id: "${id}") { __typename id } nodes(ids: ["${id}"]) { __typename id } }`);
  const documents = [...walks(opened), ...byId];
  const sample = `{ cluster(id: "${blue.cluster.id}") { name } clusters { nodes { name } } }`;
  // What they were told is kept, and is theirs no more.
  for (const token of ['ended', 'revoked'])
    for (let i = 0; i < 2; i += 1) expect(await world.data(token, sample)).toMatchObject({ cluster: { name: 'leaky-cluster' } });
  world.time.now += 31_000;
  world.tokens.delete('revoked');
  // The stranger's refusal says all that one of these may say.
  const refusalOf = async (token: string | null, document: string) => {
    const { status, data, errors } = await world.post(token, document);
    return { status, data, errors: errors.map(({ message, extensions: { code } }) => ({ message, code })) };
  };
  const refusal = await refusalOf('nobody', sample);
  expect(refusal).toMatchObject({ status: 401, data: null, errors: [{ code: 'UNAUTHENTICATED' }] });
  opened.statements.length = 0;
  for (const token of ['ended', 'revoked', 'nobody'])
    for (const document of [sample, ...documents])
      expect([token, document, await refusalOf(token, document)]).toEqual([token, document, refusal]);
  for (const document of [sample, ...byId])
    expect([document, await refusalOf(null, document)]).toMatchObject([document, { status: 401, data: null }]);
  // Nor is anything looked up for them.
  expect(opened.statements).toEqual([]);
}, 120_000);
