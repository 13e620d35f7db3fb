import { expect, test } from 'vitest';
import { isWithinReach, pathMatches, reachOfRules } from '../../src/domain/accessRule.ts';

test.each([
  ['/graphql', '/graphql', true],
  ['/graphql', '/graphql/', false],
  ['/graphql', '/graphqlx', false],
  ['/graphql/read', '/graphql/*', true],
  ['/graphql/read', '/graphql*', false],
  ['/graphql', '/graphql*', false],
  ['/graphql/read', '/graphql**', true],
  ['/graphql', '/graphql**', true],
  ['/graphql', '**', true],
  ['/graphql', '/**', true],
  ['/v1/ops/scale', '/v1/ops/{name}', true],
  ['/v1/ops/', '/v1/ops/{name}', false],
  ['/v1/ops/a/b', '/v1/ops/{name}', false],
  ['/v1/ops/a/b', '/v1/{what}/*/b', true],
  ['/v1/ops/a/b', '/v1/**/b', true],
  ['/v1/ops/a/c', '/v1/**/b', false],
  ['/v1xops', '/v1.ops', false],
  ['/v1/ops/scale', '/v1/ops/s*e', true],
  ['/v1/ops/se', '/v1/ops/s*e', false],
  ['/{x', '/{x', true],
])('%s against %s: %s', (path, pattern, matches) => expect(pathMatches(path, pattern)).toBe(matches));

test('no pattern takes long', () => {
  const began = performance.now();
  expect(pathMatches(`/${'a'.repeat(500)}`, `${'**a*a'.repeat(50)}/`)).toBe(false);
  expect(performance.now() - began).toBeLessThan(500);
});

test('as many rules as Keystone takes for one application credential are looked through in no time, whatever is asked for', () => {
  // 112 KB of them.
  const literal = `/v1/ops/${'a'.repeat(110)}`;
  for (const [pattern, count] of [
    [literal, 700],
    [`/v1/ops/${'**a'.repeat(36)}`, 700],
    ['/**b', 2_000],
  ] as const) {
    const reach = Array.from({ length: count }, (_, i) => ({ method: 'POST', path: `${pattern}${i}` }));
    for (const path of [`/v1/ops/${'a'.repeat(63)}`, `/v1/ops/${'a'.repeat(16_000)}`]) {
      const began = performance.now();
      expect(isWithinReach(reach, 'POST', path)).toBe(false);
      expect(performance.now() - began).toBeLessThan(500);
    }
  }
});

const RULES = [
  { service: 'container-infra', method: 'POST', path: '/graphql/read' },
  { service: 'compute', method: 'GET', path: '/**' },
];

test('rules of other services do not count, and where rules cannot be kept there is nothing that a token may do', () => {
  const reach = reachOfRules({ accessRules: RULES, serviceTypes: ['compute', 'container-infra'] }, 'container-infra');
  expect(isWithinReach(reach, 'POST', '/graphql/read')).toBe(true);
  expect(isWithinReach(reach, 'GET', '/graphql/read')).toBe(false);
  expect(isWithinReach(reach, 'POST', '/graphql')).toBe(false);
  for (const [serviceTypes, type] of [
    [['container-infra'], null],
    [['compute'], 'container-infra'],
  ] as const)
    expect(isWithinReach(reachOfRules({ accessRules: RULES, serviceTypes }, type), 'POST', '/graphql/read')).toBe(false);
  expect(isWithinReach(reachOfRules({ accessRules: [], serviceTypes: ['compute'] }, 'compute'), 'GET', '/')).toBe(false);
  expect(isWithinReach(reachOfRules({ accessRules: null, serviceTypes: [] }, null), 'GET', '/')).toBe(true);
});
