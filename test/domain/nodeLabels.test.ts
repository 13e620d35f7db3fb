import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import type { Taint } from '../../src/domain/nodeGroup.ts';
import { validateNodeLabels, validateTaints } from '../../src/domain/nodeLabels.ts';

test('labels that a kubelet may set on its own node pass', () => {
  validateNodeLabels(
    {
      pool: 'blue',
      'example.org/pool': '',
      'topology.kubernetes.io/zone': 'az-1',
      'node.kubernetes.io/instance-type': 'm1.small',
      'x.node.kubernetes.io/y': 'z',
      'kubelet.kubernetes.io/a': 'B_c.d-e',
    },
    ['labels'],
  );
});

test.each([
  ['node-role.kubernetes.io/control-plane', '', /domain that nodes may not use/],
  ['node-restriction.kubernetes.io/tier', 'x', /domain that nodes may not use/],
  ['foo.k8s.io/x', 'y', /domain that nodes may not use/],
  ['kubernetes.io/role', 'y', /domain that nodes may not use/],
  ['kubernetes.io/hostname', 'y', /set by the kubelet itself/],
  ['a,b=c', 'y', /is not a name/],
  ['a', 'x,node-role.kubernetes.io/control-plane=', /has a value/],
  ['a', `x${'y'.repeat(63)}`, /has a value/],
  ['a'.repeat(64), '', /is not a name/],
  ['UPPER.example/a', '', /is not a name/],
  ['/a', '', /is not a name/],
  ['a/b/c', '', /is not a name/],
  ['', '', /is not a name/],
  ['__proto__ ', '', /is not a name/],
])('label %j=%j is refused and named', (key, value, message) => {
  const refuse = () => validateNodeLabels({ fine: 'x', [key]: value }, ['nodeGroups', '0', 'labels']);
  expect(refuse).toThrow(message);
  expect(refuse).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', detail: { field: ['nodeGroups', '0', 'labels', key] } }));
});

test('whatever is let through cannot end a kubelet flag or begin another label', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (labels) => {
      try {
        validateNodeLabels(labels, []);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        return;
      }
      for (const [key, value] of Object.entries(labels)) expect(`${key}=${value}`).toMatch(/^[A-Za-z0-9./_-]+=[A-Za-z0-9._-]*$/);
    }),
    { numRuns: 1000 },
  );
});

test('taints are checked like labels, and may not be there twice', () => {
  const taint: Taint = { key: 'example.org/dedicated', value: null, effect: 'NoSchedule' };
  validateTaints([taint, { ...taint, effect: 'NoExecute', value: 'x' }], ['taints']);
  expect(() => validateTaints([taint, taint], ['taints'])).toThrow(/there twice/);
  expect(() => validateTaints([{ ...taint, key: 'a b' }], ['taints'])).toThrow(/is not a name/);
  expect(() => validateTaints([{ ...taint, value: 'x:NoExecute' }], ['taints'])).toThrow(/has a value/);
  expect(() => validateTaints([{ ...taint, effect: 'Never' as 'NoSchedule' }], ['taints'])).toThrow(/unknown effect/);
});
