import { expect, test } from 'vitest';
import { matches } from '../../src/reconcilers/node/disruptionBudget.ts';

const labels = { app: 'web', tier: 'front' };
const expression = (key: string, operator: string, values?: string[]) => ({
  matchExpressions: [{ key, operator, ...(values && { values }) }],
});

test.each([
  ['a missing selector counts none', undefined, false],
  ['an empty one counts all', {}, true],
  ['all labels must fit', { matchLabels: { app: 'web', tier: 'back' } }, false],
  ['labels that fit', { matchLabels: { app: 'web' } }, true],
  ['In', expression('app', 'In', ['web', 'api']), true],
  ['In without the label', expression('zone', 'In', ['a']), false],
  ['NotIn', expression('app', 'NotIn', ['web']), false],
  ['NotIn without the label', expression('zone', 'NotIn', ['a']), true],
  ['Exists', expression('app', 'Exists'), true],
  ['DoesNotExist', expression('app', 'DoesNotExist'), false],
  ['both must fit', { matchLabels: { app: 'web' }, ...expression('tier', 'In', ['back']) }, false],
])('%s', (_what, selector, counts) => expect(matches(selector, labels)).toBe(counts));
