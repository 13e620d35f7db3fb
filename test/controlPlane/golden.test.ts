import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { addons } from '../../src/addons/index.ts';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildBootstrapObjects } from '../../src/controlPlane/bootstrap.ts';
import { buildBootstrapToken } from '../../src/controlPlane/bootstrapToken.ts';
import { buildCinderCsi } from '../../src/controlPlane/cinderCsi.ts';
import { buildCloudController } from '../../src/controlPlane/cloudController.ts';
import { buildAutoscalerRights, buildClusterAutoscaler } from '../../src/controlPlane/clusterAutoscaler.ts';
import { buildControllerManager } from '../../src/controlPlane/controllerManager.ts';
import { buildApiService } from '../../src/controlPlane/endpoint.ts';
import { buildEtcd } from '../../src/controlPlane/etcd.ts';
import { buildKeystoneAuth, buildKeystoneRoles } from '../../src/controlPlane/keystoneAuth.ts';
import { buildKonnectivityAgent } from '../../src/controlPlane/konnectivityAgent.ts';
import { buildNamespace } from '../../src/controlPlane/namespace.ts';
import { buildNetworkPolicies } from '../../src/controlPlane/networkPolicies.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { buildScheduler } from '../../src/controlPlane/scheduler.ts';
import { DEFAULT_AUTO_SCALING } from '../../src/domain/autoScaling.ts';
import { cloud, cluster, keystone, pki, provider } from './fixture.ts';

const withKeystone = { ...cluster, keystoneAuth: true };

const components: [string, KubernetesObject[]][] = [
  ['namespace', [buildNamespace(cluster), buildApiService(cluster)]],
  ['networkPolicies', buildNetworkPolicies(cluster)],
  ['networkPoliciesWithoutTunnel', buildNetworkPolicies({ ...cluster, tunnel: 'NONE' })],
  ['etcd', buildEtcd(cluster, pki)],
  ['apiServer', buildApiServer(cluster, pki)],
  ['apiServerWithoutTunnel', buildApiServer({ ...cluster, tunnel: 'NONE' }, pki)],
  ['konnectivityAgent', buildKonnectivityAgent(cluster, 8132)],
  ['controllerManager', buildControllerManager(cluster, pki)],
  ['scheduler', buildScheduler(cluster, pki)],
  ['bootstrap', buildBootstrapObjects(cluster, pki.authorities.ca.cert)],
  [
    'bootstrapToken',
    [buildBootstrapToken(cluster, { id: 'abcdef', secret: '0123456789abcdef' }, 'shop-0', Date.UTC(2026, 0, 2, 3, 4, 5, 678))],
  ],
  ['cloudController', buildCloudController(cluster, pki, cloud)],
  ['clusterAutoscaler', [...buildClusterAutoscaler(cluster, pki, provider, DEFAULT_AUTO_SCALING), ...buildAutoscalerRights(cluster)]],
  ['cinderCsi', buildCinderCsi(cluster, pki, cloud)],
  ['keystoneAuth', [...buildKeystoneAuth(withKeystone, pki, keystone), ...buildKeystoneRoles(withKeystone)]],
  ['apiServerWithKeystone', buildApiServer(withKeystone, pki)],
  ['networkPoliciesWithKeystone', buildNetworkPolicies(withKeystone)],
  ...addons.map((addon): [string, KubernetesObject[]] => [
    `addons/${addon.name}`,
    addon.objects(cluster, { volumeTypes: ['SSD', 'HDD replicated'] }),
  ]),
];

test.each(components)('%s is what it was', async (name, objects) => {
  const text = objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
  await expect(text).toMatchFileSnapshot(`golden/${name}.yaml`);
});

test.each(components)('%s: every object carries our labels, a name of its own, and survives JSON', (_name, objects) => {
  for (const object of objects) {
    expect(object.metadata.labels).toMatchObject({
      'app.kubernetes.io/managed-by': 'seedbed',
      'app.kubernetes.io/component': expect.stringMatching(/^[a-z-]+$/),
      'seedbed.io/cluster': cluster.id,
      'seedbed.io/project': cluster.projectId,
    });
    expect(JSON.parse(JSON.stringify(object))).toEqual(object);
    expect(parse(stringify(object))).toEqual(object);
  }
  const keys = objects.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.namespace, metadata.name].join('|'));
  expect(new Set(keys).size).toBe(keys.length);
});
