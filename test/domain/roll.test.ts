import { expect, test } from 'vitest';
import { DEFAULT_EXTRAS, type NodeGroupSpec } from '../../src/domain/nodeGroup.ts';
import { isOnlyBehind, isOutdated, nodeVersionOf, planRoll, rollsBefore, settingsDigestOf } from '../../src/domain/roll.ts';

const spec: NodeGroupSpec = {
  ...DEFAULT_EXTRAS,
  flavor: 'm1.small',
  image: 'debian',
  keypair: null,
  count: 3,
  minCount: 0,
  maxCount: null,
  availabilityZones: [],
  rootVolume: null,
  labels: { tier: 'web' },
  taints: [],
  floatingIpEnabled: false,
};
const group = { spec, kubernetesVersion: null as string | null, resolved: { flavorId: 'f', imageId: 'i' } };
const cluster = { spec: { kubernetesVersion: 'v1.36.3' }, runningVersion: 'v1.35.4' as string | null };
const node = { kubernetesVersion: 'v1.35.4', imageId: 'i', flavorId: 'f', settingsDigest: settingsDigestOf(spec) };

test('a new node has what the control plane runs, or what its group stays at, or what its image says', () => {
  expect(nodeVersionOf(group, cluster)).toBe('v1.35.4');
  expect(nodeVersionOf(group, { ...cluster, runningVersion: null })).toBe('v1.36.3');
  expect(nodeVersionOf({ ...group, kubernetesVersion: 'v1.34.8' }, cluster)).toBe('v1.34.8');
  expect(nodeVersionOf({ ...group, resolved: { ...group.resolved, kubeVersion: '1.35.1' } }, cluster)).toBe('v1.35.1');
  expect(nodeVersionOf({ ...group, resolved: { ...group.resolved, kubeVersion: 'newest' } }, cluster)).toBe('v1.35.4');
});

test('a node that was made with another version, image, flavor or setting is outdated', () => {
  expect(isOutdated(node, group, cluster)).toBe(false);
  expect(isOutdated(node, group, { ...cluster, runningVersion: 'v1.36.3' })).toBe(true);
  expect(isOutdated({ ...node, imageId: 'other' }, group, cluster)).toBe(true);
  expect(isOutdated({ ...node, flavorId: 'other' }, group, cluster)).toBe(true);
  expect(isOutdated(node, { ...group, spec: { ...spec, labels: {} } }, cluster)).toBe(true);
  expect(isOutdated(node, { ...group, spec: { ...spec, count: 9, maxCount: 10 } }, cluster)).toBe(false);
});

test('what an upgrade alone replaces is told from what somebody has changed beside it', () => {
  const upgraded = { ...cluster, runningVersion: 'v1.35.5' };
  expect(isOnlyBehind(node, group, upgraded)).toBe(true);
  expect(isOnlyBehind(node, group, cluster)).toBe(false);
  expect(isOnlyBehind({ ...node, flavorId: 'other' }, group, upgraded)).toBe(false);
  expect(isOnlyBehind({ ...node, imageId: 'other' }, group, upgraded)).toBe(false);
  expect(isOnlyBehind(node, { ...group, spec: { ...spec, labels: {} } }, upgraded)).toBe(false);
});

test('what is not known of a node, and what nobody asked for, outdates none', () => {
  expect(isOutdated({ kubernetesVersion: null, imageId: null, flavorId: null, settingsDigest: null }, group, cluster)).toBe(false);
  expect(isOutdated({ ...node, imageId: null, flavorId: null, settingsDigest: null }, group, cluster)).toBe(false);
  const anew = { ...group, resolved: { ...group.resolved, imageId: 'anew', formerImageIds: ['i'] } };
  expect(isOutdated(node, anew, cluster)).toBe(false);
});

test('the oldest group is rolled first, and one that cannot go on lets others pass', () => {
  const turn = (id: string, createdAt: number, state = 'UPDATING') => ({ id, createdAt, state });
  expect(rollsBefore(turn('b', 1), turn('a', 2))).toBe(true);
  expect(rollsBefore(turn('a', 2), turn('b', 1))).toBe(false);
  expect(rollsBefore(turn('a', 1), turn('b', 1))).toBe(true);
  expect(rollsBefore(turn('a', 1, 'DEGRADED'), turn('b', 2))).toBe(false);
  expect(rollsBefore(turn('b', 2), turn('a', 1, 'FAILED'))).toBe(true);
});

/** Every new node serves at once and every old one goes at once: what is there, round by round. */
const play = (wanted: number, limits: { surge: number; unavailable: number }, start = wanted) => {
  let [old, fresh] = [start, 0];
  let [least, most] = [start, start];
  for (let round = 0; old > 0 || fresh !== wanted; round += 1) {
    if (round > 100) throw new Error('no end');
    const { surplus, made, dropped } = planRoll({ wanted, old, fresh, late: 0, leaving: 0 }, limits);
    if (surplus > 0) old -= Math.min(old, surplus);
    else if (made > 0) fresh += made;
    else old -= dropped;
    least = Math.min(least, old + fresh);
    most = Math.max(most, old + fresh);
  }
  return { least, most };
};

test.each([
  [
    { surge: 1, unavailable: 0 },
    { least: 3, most: 4 },
  ],
  [
    { surge: 2, unavailable: 0 },
    { least: 3, most: 5 },
  ],
  [
    { surge: 0, unavailable: 1 },
    { least: 2, most: 3 },
  ],
  [
    { surge: 9, unavailable: 0 },
    { least: 3, most: 6 },
  ],
  [
    { surge: 0, unavailable: 3 },
    { least: 0, most: 3 },
  ],
])('three nodes are replaced within %j', (limits, bounds) => expect(play(3, limits)).toEqual(bounds));

test('a group that shrinks or grows while it rolls ends at what is wanted', () => {
  expect(play(2, { surge: 1, unavailable: 0 }, 4)).toMatchObject({ least: 2 });
  expect(play(5, { surge: 1, unavailable: 0 }, 3)).toMatchObject({ most: 6 });
});

test('new nodes that do not serve yet are waited for, and those that go take room until they are gone', () => {
  const limits = { surge: 2, unavailable: 0 };
  expect(planRoll({ wanted: 3, old: 3, fresh: 2, late: 2, leaving: 0 }, limits)).toEqual({ surplus: 0, made: 0, dropped: 0 });
  expect(planRoll({ wanted: 3, old: 3, fresh: 2, late: 1, leaving: 0 }, limits)).toMatchObject({ dropped: 1 });
  expect(planRoll({ wanted: 3, old: 2, fresh: 2, late: 0, leaving: 1 }, limits)).toEqual({ surplus: 0, made: 0, dropped: 1 });
  expect(planRoll({ wanted: 3, old: 0, fresh: 2, late: 0, leaving: 4 }, limits)).toMatchObject({ made: 1 });
});
