import { expect, test } from 'vitest';
import { getSeedTarget, isUpgrading, sortVersions, type UpgradableSeed } from '../../src/domain/seedUpgrade.ts';

const seed = (made: UpgradableSeed['made'], api: string, kubelets: string[] = [api]): UpgradableSeed => ({
  name: 'own',
  made,
  facts: { kubernetesVersion: api, kubeletVersions: kubelets },
  observedGeneration: 1,
});
const at = (version: string, upgradedFrom?: string): UpgradableSeed['made'] => ({
  kubernetesVersion: version,
  ...(upgradedFrom !== undefined && { upgradedFrom }),
});

test('a seed goes to the next minor release and no further, and never back', () => {
  expect(getSeedTarget(seed(at('v1.35.4'), 'v1.35.4'), 'v1.36.3').version).toBe('v1.36.3');
  expect(() => getSeedTarget(seed(at('v1.34.8'), 'v1.34.8'), 'v1.36.3')).toThrow(/more than one minor release.*choose v1\.35\.4\./);
  expect(() => getSeedTarget(seed(at('v1.35.4'), 'v1.35.4'), 'v1.34.8')).toThrow(/does not go back.*choose v1\.36\.3\./);
  expect(() => getSeedTarget(seed(at('v1.36.3'), 'v1.36.3'), 'v1.36.3')).toThrow('runs v1.36.3 already');
});

test('what is on its way to a release is to arrive before it goes on to another', () => {
  const way = at('v1.35.4', 'v1.34.8');
  expect(() => getSeedTarget(seed(way, 'v1.35.4', ['v1.34.8', 'v1.35.4']), 'v1.36.3')).toThrow(
    'A machine of seed own runs v1.34.8, from which to v1.36.3 is more than one minor release, and Kubernetes goes up one at a time; there is no other to choose until all of it is at v1.35.4.',
  );
  expect(() => getSeedTarget(seed(way, 'v1.35.4', ['v1.34.8', 'v1.35.4']), 'v1.35.4')).toThrow('is on its way to v1.35.4 already');
  expect(() => getSeedTarget(seed(way, 'v1.34.8'), 'v1.34.8')).toThrow('does not go back');
  expect(getSeedTarget(seed(way, 'v1.35.4'), 'v1.36.3').version).toBe('v1.36.3');
});

test('machines that an image left behind are brought to the version that the seed has', () => {
  const seedOf = (kubelets: string[]) => seed(at('v1.36.3'), 'v1.36.3', kubelets);
  expect(getSeedTarget(seedOf(['v1.35.4', 'v1.36.3']), 'v1.36.3').version).toBe('v1.36.3');
});

test('one that was never READY is not upgraded', () => {
  const ready = seed(at('v1.35.4'), 'v1.35.4');
  expect(() => getSeedTarget({ ...ready, observedGeneration: 0 }, 'v1.36.3')).toThrow('has not been READY yet');
  expect(() => getSeedTarget({ ...ready, facts: null }, 'v1.36.3')).toThrow('has not been READY yet');
});

test('an upgrade is under way until all of it is there', () => {
  const way = at('v1.36.3', 'v1.35.4');
  expect(isUpgrading(seed(way, 'v1.36.3', ['v1.35.4', 'v1.36.3']))).toBe(true);
  expect(isUpgrading(seed(way, 'v1.35.4'))).toBe(true);
  expect(isUpgrading(seed(way, 'v1.36.3'))).toBe(false);
  // A kubelet that its image left behind is nobody's to upgrade before it is asked for.
  expect(isUpgrading(seed(at('v1.36.3'), 'v1.36.3', ['v1.35.4']))).toBe(false);
  expect(isUpgrading({ made: null, facts: null })).toBe(false);
});

test('versions are put in their order, each once', () => {
  expect(sortVersions(['v1.36.3', 'v1.9.10', 'v1.36.3', 'unknown', 'v1.35.4'])).toEqual(['v1.9.10', 'v1.35.4', 'v1.36.3']);
});
