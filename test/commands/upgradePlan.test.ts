/** What an upgrade is refused for, read from rows alone. */
import { expect, test } from 'vitest';
import { planUpgrades, type UpgradeFacts } from '../../src/commands/upgradePlan.ts';
import type { ProjectCatalogue } from '../../src/domain/cloud.ts';
import { DEFAULT_SPEC } from '../../src/domain/template.ts';
import { checkUpgrade } from '../../src/domain/upgradeCheck.ts';
import type { ClusterRow, NodeGroupRow, NodeRow } from '../../src/store/reconcile.ts';

const NOW = Date.parse('2026-11-28T00:00:00Z');

const facts = (more: {
  cluster?: Partial<ClusterRow>;
  running?: string;
  wanted?: string;
  group?: Partial<NodeGroupRow>;
  kubelet?: string;
  kubeVersion?: string;
}): UpgradeFacts => {
  const { running = 'v1.35.4', wanted = running, kubelet = running } = more;
  const cluster = { id: 'c', name: 'blue', observedGeneration: 1, deleteRequestedAt: null, upgrade: null, runningVersion: running };
  const rest = { autoUpgrade: null, deprecatedApis: null };
  const group = { id: 'g', name: 'workers', kubernetesVersion: null, resolved: null, spec: { image: 'image' }, ...more.group };
  const node = { nodeGroupId: 'g', kubernetesVersion: null, kubeletVersion: kubelet, deleteRequestedAt: null };
  const images = [{ id: 'i', name: 'image', kubeVersion: more.kubeVersion ?? null }];
  return {
    cluster: { ...cluster, ...rest, spec: { ...DEFAULT_SPEC, kubernetesVersion: wanted }, ...more.cluster } as ClusterRow,
    groups: [group as unknown as NodeGroupRow],
    nodes: [node as NodeRow],
    catalogue: { images } as ProjectCatalogue,
    now: NOW,
  };
};

const refusal = (given: UpgradeFacts, version: string, controlPlaneOnly = false): string => {
  try {
    return checkUpgrade(given, version, controlPlaneOnly).version;
  } catch (error) {
    const { code, message, detail } = error as { code: string; message: string; detail: { field?: string[] } };
    return `${code} ${detail.field?.join('.') ?? '-'}: ${message}`;
  }
};

test('a patch or the next minor release is open, and nothing else', () => {
  expect(refusal(facts({}), 'v1.36.3')).toBe('v1.36.3');
  expect(refusal(facts({ running: 'v1.36.1' }), 'v1.36.3')).toBe('v1.36.3');
  expect(refusal(facts({ running: 'v1.34.8' }), 'v1.36.3')).toMatch(/^UNSUPPORTED_VERSION version: .*one at a time; choose v1\.35\.4\.$/);
  expect(refusal(facts({ running: 'v1.36.3' }), 'v1.35.4')).toMatch(/^UNSUPPORTED_VERSION version: .*does not go back/);
  expect(refusal(facts({}), 'v1.99.0')).toMatch(/^UNSUPPORTED_VERSION version: .*Choose one of/);
  expect(refusal(facts({ running: 'v1.34.8' }), 'v1.33.13')).toMatch(/^UNSUPPORTED_VERSION version: .*has expired/);
  expect(refusal(facts({ running: 'v1.36.3' }), 'v1.36.3')).toMatch(/^INVALID_INPUT version: .*nothing to upgrade/);
  expect(refusal(facts({ cluster: { runningVersion: null, observedGeneration: 0 } }), 'v1.36.3')).toMatch(/^CONFLICT -: .*not been READY/);
});

test('the way back ends with the first API server that has run the newer version', () => {
  const upgrade = { since: NOW, newestApiServer: 'v1.35.4', controlPlaneOnly: false };
  const wanted = 'v1.36.3';
  expect(refusal(facts({ wanted, cluster: { upgrade } }), 'v1.35.4')).toBe('v1.35.4');
  const moved = facts({ wanted, cluster: { upgrade: { ...upgrade, newestApiServer: wanted } } });
  expect(refusal(moved, 'v1.35.4')).toMatch(/^UNSUPPORTED_VERSION version: .*no way back; go on: upgrade the cluster to v1\.36\.3\.$/);
  expect(planUpgrades(facts({ wanted, cluster: { upgrade } })).map(({ version }) => version)).toEqual(['v1.36.3', 'v1.35.4']);
  expect(planUpgrades(moved).map(({ version }) => version)).toEqual(['v1.36.3']);
});

test('a group is not left more than three minor releases behind, and is named', () => {
  const told =
    /^UNSUPPORTED_VERSION version: Node group workers has nodes of v1\.32\.2, .*three minor releases behind v1\.36\.3.*without controlPlaneOnly/;
  expect(refusal(facts({ kubelet: 'v1.32.2' }), 'v1.36.3', true)).toMatch(told);
  expect(refusal(facts({ kubelet: 'v1.32.2' }), 'v1.36.3')).toMatch(told);
  expect(refusal(facts({ kubelet: 'v1.33.2' }), 'v1.36.3', true)).toBe('v1.36.3');
});

test('an image that fixes another kubelet is refused by name, unless the nodes are to stay', () => {
  expect(refusal(facts({ kubeVersion: '1.35.4' }), 'v1.36.3')).toMatch(
    /^UNSUPPORTED_VERSION version: Node group workers has the image image, .*kube_version/,
  );
  expect(refusal(facts({ kubeVersion: '1.35.4' }), 'v1.36.3', true)).toBe('v1.36.3');
  expect(refusal(facts({ kubeVersion: '1.36.3' }), 'v1.36.3')).toBe('v1.36.3');
});

test('groups that have stayed behind can be brought to the version that runs', () => {
  const behind = facts({ running: 'v1.36.3', group: { kubernetesVersion: 'v1.35.4' }, kubelet: 'v1.35.4' });
  expect(refusal(behind, 'v1.36.3')).toBe('v1.36.3');
  expect(refusal(behind, 'v1.36.3', true)).toMatch(/nothing to upgrade/);
  expect(planUpgrades(behind)).toMatchObject([{ version: 'v1.36.3', nodeGroups: [{ from: 'v1.35.4', nodes: 1 }], problem: null }]);
});

test('a plan says what changes, and what ends soon', () => {
  const [target] = planUpgrades(facts({}));
  expect(target).toMatchObject({ version: 'v1.36.3', nodeGroups: [{ from: 'v1.35.4', nodes: 1 }], warnings: [], problem: null });
  expect(target?.components.map(({ name, from, to }) => [name, from, to])).toContainEqual(['kube-apiserver', 'v1.35.4', 'v1.36.3']);
  expect(target?.addons.map(({ name, from, to }) => [name, from, to])).toContainEqual(['kubeProxy', 'v1.35.4', 'v1.36.3']);
  const late = { ...facts({}), now: Date.parse('2027-05-01T00:00:00Z') };
  expect(planUpgrades(late)[0]?.warnings).toEqual([expect.stringContaining('after 2027-06-28')]);
});
