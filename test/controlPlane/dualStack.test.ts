/** What is different in the objects of a cluster that has IPv6 beside IPv4, and that nothing is where it has not. */
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { addons } from '../../src/addons/index.ts';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildBootstrapObjects } from '../../src/controlPlane/bootstrap.ts';
import { buildControllerManager } from '../../src/controlPlane/controllerManager.ts';
import type { ReachableCluster } from '../../src/controlPlane/hostedCluster.ts';
import { buildNetworkPolicies } from '../../src/controlPlane/networkPolicies.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { cluster, pki } from './fixture.ts';

const DUAL: ReachableCluster = { ...cluster, ipv6: { podCidr: 'fd00:1::/56', serviceCidr: 'fd00:2::/112' } };

const linesOf = (objects: KubernetesObject[]): string[] =>
  objects.flatMap((object) =>
    stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })
      .replaceAll('\\n', '\n')
      .split('\n')
      .map((line) => line.trim()),
  );

/** Lines that only the objects of such a cluster have, but for the marks of what is mounted. */
const news = (build: (of: ReachableCluster) => KubernetesObject[], more: Partial<ReachableCluster> = {}): string[] => {
  const before = linesOf(build({ ...cluster, ...more }));
  return linesOf(build({ ...DUAL, ...more })).filter((line) => !before.includes(line) && !line.startsWith('seedbed.io/mounted'));
};

const addon = (name: string) => (of: ReachableCluster) =>
  addons.find((known) => known.name === name)?.objects(of, { volumeTypes: [] }) ?? [];

test('the control plane is told both ranges of pods and Services, IPv4 first', () => {
  expect(news((of) => buildApiServer(of, pki))).toEqual(['- --service-cluster-ip-range=10.96.0.0/16,fd00:2::/112']);
  expect(news((of) => buildControllerManager(of, pki))).toEqual([
    '- --cluster-cidr=10.244.0.0/16,fd00:1::/56',
    '- --node-cidr-mask-size-ipv4=24',
    '- --node-cidr-mask-size-ipv6=64',
    '- --service-cluster-ip-range=10.96.0.0/16,fd00:2::/112',
  ]);
  expect(JSON.stringify(buildControllerManager(DUAL, pki))).not.toContain('--node-cidr-mask-size=');
  expect(news((of) => buildBootstrapObjects(of, pki.authorities.ca.cert))).toEqual([
    'podSubnet: 10.244.0.0/16,fd00:1::/56',
    'serviceSubnet: 10.96.0.0/16,fd00:2::/112',
  ]);
});

test('the seed has nothing to do with it: its API servers reach workers by IPv4', () => {
  expect(news(buildNetworkPolicies)).toEqual([]);
  expect(news(buildNetworkPolicies, { tunnel: 'NONE' })).toEqual([]);
});

test('each network driver, kube-proxy and the resolvers serve both', () => {
  expect(news(addon('flannel'))).toEqual(['"EnableIPv6": true,', '"IPv6Network": "fd00:1::/56",']);
  expect(news(addon('kubeProxy'))).toEqual(['clusterCIDR: 10.244.0.0/16,fd00:1::/56']);
  expect(news(addon('coreDns'))).toEqual(['ipFamilyPolicy: PreferDualStack']);
  expect(news(addon('cilium'))).toEqual(['enable-ipv6: "true"', 'enable-ipv6-masquerade: "true"', 'k8s-require-ipv6-pod-cidr: "true"']);
  expect(news(addon('calico')).filter((line) => line.startsWith('- name') || line.includes('assign'))).toEqual([
    '"assign_ipv4": "true",',
    '"assign_ipv6": "true"',
    ...['IP6', 'IP6_AUTODETECTION_METHOD', 'CALICO_IPV6POOL_CIDR', 'CALICO_IPV6POOL_NAT_OUTGOING', 'CALICO_IPV6POOL_VXLAN'].map(
      (name) => `- name: ${name}`,
    ),
    ...['FELIX_VXLANMTUV6', 'FELIX_WIREGUARDMTUV6', 'FELIX_WIREGUARDENABLEDV6'].map((name) => `- name: ${name}`),
  ]);
  const { settings } = environmentOf(addon('calico')(DUAL));
  expect(settings).toMatchObject({ CALICO_IPV6POOL_CIDR: 'fd00:1::/56', CALICO_IPV6POOL_VXLAN: 'Always', FELIX_IPV6SUPPORT: 'true' });
});

const environmentOf = (objects: KubernetesObject[]): { settings: Record<string, string> } => {
  const node = objects.find(({ kind }) => kind === 'DaemonSet') as unknown as {
    spec: { template: { spec: { containers: { env: { name: string; value: string }[] }[] } } };
  };
  const env = node.spec.template.spec.containers[0]?.env ?? [];
  return { settings: Object.fromEntries(env.map(({ name, value }) => [name, value])) };
};
