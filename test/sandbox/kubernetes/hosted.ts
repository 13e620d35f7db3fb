/** A hosted cluster made of the product's own objects in a seed of the sandbox, with a place to spoil them before they are applied. */

import type { Addon } from '../../../src/addons/addon.ts';
import { addons } from '../../../src/addons/index.ts';
import { buildApiServer } from '../../../src/controlPlane/apiServer.ts';
import { buildBootstrapObjects } from '../../../src/controlPlane/bootstrap.ts';
import { buildBootstrapToken, tokenText } from '../../../src/controlPlane/bootstrapToken.ts';
import { buildControllerManager } from '../../../src/controlPlane/controllerManager.ts';
import { buildApiService, findEndpoint } from '../../../src/controlPlane/endpoint.ts';
import { buildEtcd } from '../../../src/controlPlane/etcd.ts';
import { type HostedCluster, namesOf, pkiNamesOf, type ReachableCluster } from '../../../src/controlPlane/hostedCluster.ts';
import { AGENT_PORT } from '../../../src/controlPlane/konnectivity.ts';
import { buildKonnectivityAgent } from '../../../src/controlPlane/konnectivityAgent.ts';
import { buildNamespace } from '../../../src/controlPlane/namespace.ts';
import { buildNetworkPolicies } from '../../../src/controlPlane/networkPolicies.ts';
import type { KubernetesObject } from '../../../src/controlPlane/object.ts';
import { buildScheduler } from '../../../src/controlPlane/scheduler.ts';
import { buildUserData } from '../../../src/controlPlane/userData.ts';
import { addonInfo, DEFAULT_ADDONS } from '../../../src/domain/addons.ts';
import { DEFAULT_CONTROL_PLANE } from '../../../src/domain/controlPlane.ts';
import { defaultRelease } from '../../../src/domain/version.ts';
import { buildClusterPki, type ClusterPki } from '../../../src/pki/bundle.ts';
import { caPin } from '../../../src/pki/keys.ts';
import { findKind, groupVersion } from '../../../src/sandbox/kubernetes/kinds.ts';
import { accessOf, at, type Client, createClient, type Fields, until } from './client.ts';

export interface Hosted {
  cluster: ReachableCluster;
  pki: ClusterPki;
  /** As they were applied. */
  objects: KubernetesObject[];
  /** The tenant's API as super-admin. */
  tenant: Client;
  close(): void;
}

export interface Spoil {
  cluster?: Partial<HostedCluster>;
  pki?: (pki: ClusterPki, other: ClusterPki) => ClusterPki;
  objects?: (objects: KubernetesObject[]) => KubernetesObject[];
}

export const pathOf = (object: KubernetesObject): string => {
  const kind = findKind(object.apiVersion, object.kind);
  if (!kind) throw new Error(object.kind);
  const base = kind.group === '' ? '/api/v1' : `/apis/${groupVersion(kind)}`;
  return `${base}${object.metadata.namespace ? `/namespaces/${object.metadata.namespace}` : ''}/${kind.plural}/${object.metadata.name}`;
};

export const applyAll = async (client: Client, objects: readonly KubernetesObject[]): Promise<void> => {
  for (const object of objects) {
    const answer = await client.apply(pathOf(object), object as Fields, { manager: 'seedbed', force: true });
    if (answer.status >= 300) throw new Error(`${object.kind} ${object.metadata.name}: ${answer.text}`);
  }
};

const deps = { now: () => Date.now() };

const base = (shortId: string, extra: Partial<HostedCluster>): HostedCluster => ({
  id: `id-${shortId}`,
  name: shortId,
  projectId: 'p',
  shortId,
  namespace: `kc-${shortId}`,
  release: defaultRelease,
  imageRegistry: null,
  imageDigests: new Map(),
  egressCidrs: [],
  endpoint: null,
  exposure: 'LOAD_BALANCER',
  apiFloatingIp: false,
  address: 'GIVEN',
  priorityClass: null,
  nodeCidr: '10.0.0.0/24',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.97.0.0/16',
  ipv6: null,
  dnsDomain: 'cluster.local',
  apiServerReplicas: 1,
  managerReplicas: 1,
  etcd: { ...DEFAULT_CONTROL_PLANE.etcd, volumeSizeGiB: 4, members: 1, endpoints: 1, phase: 'FORMING', joining: null, storageClass: null },
  resources: DEFAULT_CONTROL_PLANE.resources,
  networkDriver: 'FLANNEL',
  volumeDriver: 'NONE',
  addons: DEFAULT_ADDONS,
  tunnel: 'KONNECTIVITY',
  audit: { level: 'METADATA', stdout: true, webhook: null },
  issuers: [],
  keystoneAuth: false,
  keystoneRoles: [],
  ...extra,
});

const nodeAddress = async (seed: Client): Promise<string> =>
  String(at((await seed.call('GET', '/api/v1/nodes')).body, 'items', 0, 'status', 'addresses', 0, 'address'));

/** Applies everything of the seed's half; does not wait for it to work. */
export const startHosted = async (seed: Client, shortId: string, spoil: Spoil = {}): Promise<Hosted> => {
  const cluster = base(shortId, spoil.cluster ?? {});
  await applyAll(seed, [buildNamespace(cluster), buildApiService(cluster)]);
  const node = await nodeAddress(seed);
  const endpoint = await until('an address', async () =>
    findEndpoint(cluster, (await seed.call('GET', pathOf(buildApiService(cluster)))).body as KubernetesObject, node),
  );
  const reachable: ReachableCluster = { ...cluster, endpoint };
  const pki = await buildClusterPki(pkiNamesOf(reachable), deps);
  const used = spoil.pki?.(pki, await buildClusterPki(pkiNamesOf(reachable), deps)) ?? pki;
  const objects = [
    buildApiService(reachable),
    ...buildNetworkPolicies(reachable),
    ...buildEtcd(reachable, used),
    ...buildApiServer(reachable, used),
    ...buildControllerManager(reachable, used),
    ...buildScheduler(reachable, used),
  ];
  const applied = spoil.objects?.(objects) ?? objects;
  await applyAll(seed, applied);
  const tenant = createClient(accessOf(pki.kubeconfigs.superAdmin));
  return { cluster: reachable, pki, objects: applied, tenant, close: tenant.close };
};

export const readyz = async (client: Client): Promise<boolean> =>
  (await client.call('GET', '/readyz').catch(() => undefined))?.text === 'ok';

/** The pod of a component, as the seed shows it. */
export const podOf = async (seed: Client, hosted: Hosted, component: keyof ReturnType<typeof namesOf>): Promise<Fields | undefined> => {
  const pods = (await seed.call('GET', `/api/v1/namespaces/${hosted.cluster.namespace}/pods`)).body.items as Fields[];
  return pods.find(
    (p) =>
      String(at(p, 'metadata', 'name')).startsWith(`${namesOf(hosted.cluster)[component]}-`) &&
      !String(at(p, 'metadata', 'name')).includes('-peer'),
  );
};

export const logOf = async (seed: Client, hosted: Hosted, component: keyof ReturnType<typeof namesOf>): Promise<string> => {
  const pod = await podOf(seed, hosted, component);
  return pod
    ? (await seed.call('GET', `/api/v1/namespaces/${hosted.cluster.namespace}/pods/${String(at(pod, 'metadata', 'name'))}/log`)).text
    : '';
};

export const isReady = (pod: Fields | undefined): boolean =>
  ((at(pod, 'status', 'conditions') ?? []) as Fields[]).some((c) => c.type === 'Ready' && c.status === 'True');

/** What the product makes inside the tenant. */
export const bootstrapTenant = async (
  hosted: Hosted,
  change: (objects: KubernetesObject[]) => KubernetesObject[] = (o) => o,
): Promise<void> => {
  await until('the API answers', () => readyz(hosted.tenant));
  await applyAll(
    hosted.tenant,
    change([
      ...buildBootstrapObjects(hosted.cluster, hosted.pki.authorities.ca.cert),
      ...addons.filter(hasItsPlace).flatMap((a) => a.objects(hosted.cluster, { volumeTypes: [] })),
      ...(hosted.cluster.tunnel === 'NONE' ? [] : buildKonnectivityAgent(hosted.cluster, AGENT_PORT)),
    ]),
  );
};

/** All but the network drivers that are not the one of these clusters. */
const hasItsPlace = ({ name }: Addon): boolean => {
  const { driver } = addonInfo(name);
  return driver?.setting !== 'networkDriver' || driver.value === 'FLANNEL';
};

export const TOKEN = { id: 'abc123', secret: '0123456789abcdef' };

export const giveToken = (hosted: Hosted, expiresInMs = 600_000): Promise<void> =>
  applyAll(hosted.tenant, [buildBootstrapToken(hosted.cluster, TOKEN, 'n', Date.now() + expiresInMs)]);

export const userDataFor = (hosted: Hosted, nodeName: string, change: { pin?: string; labels?: Record<string, string> } = {}): string =>
  buildUserData({
    clusterName: hosted.cluster.name,
    nodeName,
    endpoint: hosted.cluster.endpoint,
    token: tokenText(TOKEN),
    caPin: change.pin ?? caPin(hosted.pki.authorities.ca.cert),
    labels: change.labels ?? {},
    taints: [],
    kubernetesVersion: hosted.cluster.release.version,
    pauseImage: 'registry.k8s.io/pause:3.10',
    packageSource: null,
    cloudController: false,
    nodeIps: [],
    cloudInit: null,
  });
