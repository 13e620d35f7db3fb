/**
 * Names and keys that are next to each other, a piece of each other, paths or patterns of each other, or alike but for case or the way a letter is written:
 * each is its own, and none is another project's. SEEDBED_HARD=all: 1,000 pairs.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Result, run } from './run.ts';
import { openWorld, type World } from './world.ts';

const PAIRS = process.env['SEEDBED_HARD'] === 'all' ? 1_000 : 100;

const letters = (text: string) => fc.constantFrom(...text);
const word = (text: string, maxLength: number) => fc.string({ unit: letters(text), minLength: 1, maxLength });

/** Of a title: letters of any script, blanks and signs in the middle. */
const titles = fc
  .tuple(word('aAéÉİıßſ0Яя', 6), fc.constantFrom('', ' ', '.', '_', ':', ' .. '), word('abBé1', 4))
  .map((parts) => parts.join(''));
const nearTitle = (title: string) =>
  fc.constantFrom(
    `${title}0`,
    `${title} 0`,
    `${title}_x`,
    `0${title}`,
    title.slice(0, -1),
    title.toUpperCase(),
    title.toLowerCase(),
    title.normalize('NFD'),
    title.normalize('NFKC'),
    title.replaceAll('a', 'а'),
    title.replace(/[ ._:]+/u, '_'),
    title.replace(/[ ._:]+/u, '__'),
  );
/** Of a key: any sign that can be seen. */
const keys = fc.string({ unit: letters('aA0%_*?/\\.:\'"-#;[]{}|~^'), minLength: 1, maxLength: 20 });
const nearKey = (key: string) =>
  fc.constantFrom(
    `${key}%`,
    `${key}_`,
    `%${key}`,
    `${key}/`,
    `${key}/..`,
    `${key}'--`,
    `${key}:${key}`,
    `red:${key}`,
    `blue/${key}`,
    key.toUpperCase(),
    key.slice(1),
  );

const PAIR = fc
  .tuple(titles, keys)
  .chain(([title, key]) => fc.tuple(fc.tuple(fc.constant(title), nearTitle(title)), fc.tuple(fc.constant(key), nearKey(key))))
  .filter(([[a, b], [x, y]]) => a !== b && x !== y && isTitle(b) && /^[\x21-\x7e]+$/.test(y));
const isTitle = (text: string): boolean => /^[\p{L}\p{N}](?:[\p{L}\p{N} ._:]*[\p{L}\p{N}])?$/u.test(text);

const make = (world: World, who: string, name: string, idempotencyKey: string): Promise<Result> =>
  run(
    world,
    who,
    'createClusterTemplate',
    { name, image: 'debian', flavor: 'small', idempotencyKey },
    'replayed clusterTemplate { uuid name }',
  );
const uuidOf = ({ clusterTemplate, ...rest }: Result): string => {
  if (clusterTemplate === undefined) throw new Error(JSON.stringify(rest));
  return (clusterTemplate as { uuid: string }).uuid;
};
const called = async (world: World, who: string, name: string): Promise<string[]> => {
  const query = 'query ($name: String) { clusterTemplates(filter: { name: $name }) { nodes { uuid } } }';
  const { clusterTemplates } = await world.data<{ clusterTemplates: { nodes: { uuid: string }[] } }>(who, query, { name });
  return clusterTemplates.nodes.map(({ uuid }) => uuid);
};

test(`of ${PAIRS} pairs of near titles and keys, each finds its own, in each of two projects`, async () => {
  const world = await openWorld();
  let round = 0;
  await fc.assert(
    fc.asyncProperty(PAIR, async ([[a, b], [x, y]]) => {
      round += 1;
      // Names and keys of an earlier pair are not meant.
      const [near, other] = [`${a}${round}n`, `${b}${round}n`];
      const [key, nearTo] = [`${x}${round}`, `${y}${round}`];
      const made = [
        await make(world, 'anna', near, key),
        await make(world, 'anna', other, nearTo),
        await make(world, 'otto', other, key),
        await make(world, 'otto', near, nearTo),
      ].map(uuidOf);
      expect(new Set(made).size).toBe(4);
      const [annasNear, annasOther, ottosOther, ottosNear] = made;
      expect(await called(world, 'anna', near)).toEqual([annasNear]);
      expect(await called(world, 'anna', other)).toEqual([annasOther]);
      expect(await called(world, 'otto', other)).toEqual([ottosOther]);
      expect(await called(world, 'otto', near)).toEqual([ottosNear]);
      for (const pattern of [near.slice(0, -1), `${near}%`, near.replace(/./u, '_'), '%', '*'])
        expect(await called(world, 'anna', pattern)).toEqual([]);
      const again = [await make(world, 'anna', near, key), await make(world, 'otto', near, nearTo)];
      expect(again.map((one) => [one.replayed, uuidOf(one)])).toEqual([
        [true, annasNear],
        [true, ottosNear],
      ]);
      const { code } = await run(world, 'anna', 'deleteClusterTemplate', { clusterTemplateId: annasNear }, '__typename');
      expect(code).toBeUndefined();
      expect([await called(world, 'anna', near), await called(world, 'anna', other), await called(world, 'otto', near)]).toEqual([
        [],
        [annasOther],
        [ottosNear],
      ]);
    }),
    { numRuns: PAIRS },
  );
}, 600_000);

test('of clusters whose names are pieces of each other each is found by its own name alone, and goes alone', async () => {
  const world = await openWorld();
  const names = ['a', 'a-b', 'a-b-c', 'ab', 'abc', 'b', 'a0', 'a-0', '0', '0-0'];
  const input = { name: 'standard', image: 'debian', flavor: 'small' };
  for (const who of ['anna', 'otto']) await run(world, who, 'createClusterTemplate', input, '__typename');
  const ids = new Map<string, string>();
  for (const who of ['anna', 'otto'])
    for (const name of names) {
      const made = await run(world, who, 'createCluster', { name, clusterTemplate: 'standard', nodeCount: 1 }, 'cluster { uuid }');
      ids.set(`${who} ${name}`, (made.cluster as { uuid: string } | undefined)?.uuid ?? JSON.stringify(made));
    }
  expect(new Set(ids.values()).size).toBe(2 * names.length);
  const query = 'query ($name: String) { cluster(name: $name) { uuid state } clusters(filter: { name: $name }) { nodes { uuid } } }';
  interface Found {
    cluster: { uuid: string; state: string } | null;
    clusters: { nodes: { uuid: string }[] };
  }
  const find = (who: string, name: string) => world.data<Found>(who, query, { name });
  await run(world, 'anna', 'deleteCluster', { clusterId: ids.get('anna a-b') }, '__typename');
  for (const who of ['anna', 'otto'])
    for (const name of names) {
      const uuid = ids.get(`${who} ${name}`) ?? '';
      const { cluster, clusters } = await find(who, name);
      const isGoing = who === 'anna' && name === 'a-b';
      expect([who, name, cluster?.uuid, cluster?.state === 'DELETING', clusters.nodes]).toEqual([who, name, uuid, isGoing, [{ uuid }]]);
    }
  for (const name of ['A', 'a%', 'a_b', 'a*', 'a-', '%', ' a', 'a '])
    expect(await find('anna', name)).toEqual({ cluster: null, clusters: { nodes: [] } });
});
