import { expect, test } from 'vitest';
import { may } from '../../../src/domain/actor.ts';
import { ACTIONS, type Action } from '../../../src/domain/policy.ts';
import { RITA } from '../../commands/house.ts';
import { STRANGERS } from './callers.ts';
import { dump } from './database.ts';
import { absent, waysToName, withoutNames } from './furniture.ts';
import { inputFor, mutate, mutationNames, referencesOf, typeOf } from './inputs.ts';
import { openNeighbours } from './neighbours.ts';

const ruleOf = (mutation: string): string => ACTIONS[mutation as Action].rule;
const isOfCloud = (mutation: string): boolean => ACTIONS[mutation as Action].scope === 'CLOUD';

test.each(Object.keys(STRANGERS))(
  '%s: what is not theirs and what is not there is one answer, by the same statements, and changes nothing',
  async (token) => {
    const { world, statements, blue, red } = await openNeighbours();
    const before = dump(world);
    let named = 0;
    for (const mutation of mutationNames())
      for (const { field, kind, isNeeded } of referencesOf(mutation)) {
        const [there, nowhere] = [blue[kind], absent(kind, blue[kind])];
        const others = waysToName(nowhere);
        for (const [i, way] of waysToName(there).entries()) {
          const ask = async (name: string) => {
            statements.length = 0;
            const outcome = await mutate(world, token, mutation, inputFor(mutation, red, { [field]: name }));
            return { outcome, statements: [...statements] };
          };
          const [theirs, none] = [await ask(way), await ask(others[i] ?? '')];
          const about = `${mutation} by ${field} ${way}`;
          expect([about, withoutNames(theirs.outcome, there)]).toEqual([about, withoutNames(none.outcome, nowhere)]);
          expect([about, theirs.statements]).toEqual([about, none.statements]);
          expect([about, theirs.outcome.__typename]).not.toEqual([about, `${typeOf(mutation)}Payload`]);
          if (isNeeded && (token === 'otto' || token === 'mona')) {
            expect([about, theirs.outcome.code]).toEqual([about, isOfCloud(mutation) ? 'FORBIDDEN' : 'NOT_FOUND']);
            if (isOfCloud(mutation)) expect(theirs.outcome.message).toContain(ruleOf(mutation));
          }
          named += 1;
        }
      }
    expect(dump(world)).toBe(before);
    // Every mutation but those that make something of nothing names something.
    expect(mutationNames().filter((mutation) => referencesOf(mutation).length === 0)).toEqual([
      'createClusterTemplate',
      'createSeed',
      'findOrphans',
      'registerAddonBundle',
      'registerSeed',
      'setQuota',
    ]);
    expect(named).toBeGreaterThan(80);
  },
);

test('a reader changes nothing in the own project, and is told the rule', async () => {
  const { world, blue } = await openNeighbours();
  const before = dump(world);
  for (const mutation of mutationNames()) {
    const outcome = await mutate(world, 'rita', mutation, inputFor(mutation, blue));
    const allowed = may(RITA, mutation as Action, { projectId: 'blue' });
    // A reader may have an access that only reads; the cluster has no address yet.
    expect([mutation, outcome.code]).toEqual([mutation, allowed ? 'CLUSTER_UNAVAILABLE' : 'FORBIDDEN']);
    if (!allowed) expect(outcome.message).toContain(ruleOf(mutation));
  }
  for (const mutation of ['issueKubeconfig', 'signCertificate']) {
    const outcome = await mutate(world, 'rita', mutation, { ...inputFor(mutation, blue), role: 'ADMIN' });
    expect(outcome).toMatchObject({ code: 'FORBIDDEN', field: ['role'] });
    expect(outcome.message).toContain(ACTIONS.getWritingAccess.rule);
  }
  expect(dump(world)).toBe(before);
});

test('who has no role in the project, or no project, makes nothing of nothing', async () => {
  const { world, blue } = await openNeighbours();
  const before = dump(world);
  for (const token of ['unscoped', 'ofADomain', 'roleless', 'bare'])
    for (const mutation of mutationNames().filter((name) => referencesOf(name).length === 0))
      expect([token, mutation, (await mutate(world, token, mutation, inputFor(mutation, blue))).code]).toEqual([
        token,
        mutation,
        'FORBIDDEN',
      ]);
  expect(dump(world)).toBe(before);
});

test('a token that has ended, or was revoked, or never was, does nothing', async () => {
  const { world, blue } = await openNeighbours();
  const anna = world.tokens.get('anna');
  if (anna === undefined) throw new Error('Nobody is there.');
  const ended = { ...anna, expiresAt: world.time.now + 10_000 };
  world.tokens.set('ended', ended).set('revoked', anna);
  // Both are known to the API while they are good.
  for (const token of ['ended', 'revoked']) expect((await world.post(token, '{ viewer { userName } }')).status).toBe(200);
  const before = dump(world);
  world.time.now += 31_000;
  world.tokens.delete('revoked');
  for (const token of ['ended', 'revoked', 'nobody', null])
    for (const mutation of mutationNames()) {
      const type = `${typeOf(mutation)}Input`;
      const document = `mutation ($input: ${type}!) { ${mutation}(input: $input) { __typename } }`;
      const { status, data } = await world.post(token, document, { input: inputFor(mutation, blue) });
      expect([token, mutation, status, data]).toEqual([token, mutation, 401, null]);
    }
  expect(dump(world)).toBe(before);
});
