/** Plans take the inputs of their mutations, and tell nobody more than these do. */
import { expect, test } from 'vitest';
import { buildSchema } from '../../../src/api/schema.ts';
import type { World } from '../world.ts';
import { STRANGERS } from './callers.ts';
import { dump } from './database.ts';
import { absent, waysToName, withoutNames } from './furniture.ts';
import { inputFor, mutate, referencesOf, typeOf } from './inputs.ts';
import { openNeighbours } from './neighbours.ts';

/** Mutations that there is a plan of. */
const planned = (): string[] =>
  Object.keys(buildSchema().getQueryType()?.getFields() ?? {})
    .filter((name) => name.startsWith('plan'))
    .map((name) => `${name.charAt(4).toLowerCase()}${name.slice(5)}`);

interface Plan {
  problems: { code: string; message: string; field: string[] | null }[];
  creates: object[];
  deletes: { count: number; kind: string }[];
  quota: { inUse: number | null }[];
}
const OBJECT = '{ service kind of count names madeBy }';
const plan = async (world: World, token: string, mutation: string, input: object): Promise<Plan> => {
  const type = typeOf(mutation);
  const document = `query ($input: ${type}Input!) { plan${type}(input: $input) { problems { code message field remedy quotas { resource used limit requested } }
    creates ${OBJECT} restarts ${OBJECT} deletes ${OBJECT} changes { field from to possible } quota { resource source needed inUse limit }
    expectedDuration { basis samples medianSeconds p90Seconds reason } warnings } }`;
  return (await world.data<Record<string, Plan>>(token, document, { input }))[`plan${type}`] as Plan;
};

test('there is a plan of each', () => {
  expect(planned().sort()).toEqual([
    'createCluster',
    'deleteCluster',
    'resizeNodeGroup',
    'updateCluster',
    'updateNodeGroup',
    'upgradeCluster',
  ]);
});

test.each(Object.keys(STRANGERS))(
  '%s: what is not theirs and what is not there is one plan, by the same statements, and changes nothing',
  async (token) => {
    const { world, statements, blue, red } = await openNeighbours();
    const before = dump(world);
    let named = 0;
    for (const mutation of planned())
      for (const { field, kind, isNeeded } of referencesOf(mutation)) {
        const [there, nowhere] = [blue[kind], absent(kind, blue[kind])];
        const others = waysToName(nowhere);
        for (const [i, way] of waysToName(there).entries()) {
          const ask = async (name: string) => {
            statements.length = 0;
            const answer = await plan(world, token, mutation, inputFor(mutation, red, { [field]: name }));
            return { answer, statements: [...statements] };
          };
          const [theirs, none] = [await ask(way), await ask(others[i] ?? '')];
          const about = `plan of ${mutation} by ${field} ${way}`;
          expect([about, withoutNames(theirs.answer, there)]).toEqual([about, withoutNames(none.answer, nowhere)]);
          expect([about, theirs.statements]).toEqual([about, none.statements]);
          expect(theirs.answer.problems.length).toBeGreaterThan(0);
          if (isNeeded) expect([about, theirs.answer.creates, theirs.answer.deletes]).toEqual([about, [], []]);
          named += 1;
        }
      }
    expect(dump(world)).toBe(before);
    expect(named).toBeGreaterThan(10);
  },
);

test('who may do it is told what stands in its way as the mutation says it; who may only read is told the rule, and all else', async () => {
  const { world, blue } = await openNeighbours();
  const before = dump(world);
  for (const mutation of planned()) {
    const input = inputFor(mutation, blue);
    const told = await plan(world, 'rita', mutation, input);
    const refused = await mutate(world, 'rita', mutation, input);
    expect([mutation, told.problems.map(({ code, message }) => [code, message])]).toEqual([mutation, [['FORBIDDEN', refused.message]]]);
  }
  const seen = await plan(world, 'rita', 'deleteCluster', inputFor('deleteCluster', blue));
  expect(seen.deletes).toContainEqual(expect.objectContaining({ kind: 'server', count: 1 }));
  expect(dump(world)).toBe(before);
  for (const mutation of planned()) {
    const input = { ...inputFor(mutation, blue), ...(mutation !== 'createCluster' && { expectedGeneration: 77 }) };
    const { problems } = await plan(world, 'anna', mutation, input);
    const { code, message } = await mutate(world, 'anna', mutation, input);
    expect([mutation, problems[0]?.code, problems[0]?.message]).toEqual([mutation, code, message]);
  }
});
