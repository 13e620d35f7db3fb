/** Names of the objects that Seedbed itself makes in clusters: no bundle may have them. */
import { buildBootstrapObjects } from '../controlPlane/bootstrap.ts';
import { buildAutoscalerRights } from '../controlPlane/clusterAutoscaler.ts';
import type { ReachableCluster } from '../controlPlane/hostedCluster.ts';
import { buildKonnectivityAgent } from '../controlPlane/konnectivityAgent.ts';
import { identityOfObject, type Manifest } from '../domain/addonBundle.ts';
import { ADDON_NAMES, type AddonsSpec, DEFAULT_ADDONS } from '../domain/addons.ts';
import { DEFAULT_AUDIT } from '../domain/audit.ts';
import { DEFAULT_CONTROL_PLANE } from '../domain/controlPlane.ts';
import { formingOf } from '../domain/etcd.ts';
import { listReleases } from '../domain/version.ts';
import { addons } from './index.ts';

const ALL_ADDONS = Object.fromEntries(
  ADDON_NAMES.map((name) => [name, { ...DEFAULT_ADDONS[name], enabled: true }]),
) as unknown as AddonsSpec;

/** Any cluster would do: names do not depend on it. */
const specimen = (release: ReachableCluster['release']): ReachableCluster => ({
  id: '',
  name: '',
  projectId: '',
  shortId: '',
  namespace: '',
  release,
  imageRegistry: null,
  imageDigests: new Map(),
  address: 'GIVEN',
  priorityClass: null,
  egressCidrs: [],
  endpoint: { host: '192.0.2.1', port: 6443 },
  exposure: 'LOAD_BALANCER',
  apiFloatingIp: false,
  nodeCidr: null,
  podCidr: '10.200.0.0/16',
  serviceCidr: '10.254.0.0/16',
  ipv6: null,
  dnsDomain: 'cluster.local',
  apiServerReplicas: 1,
  managerReplicas: 1,
  etcd: { ...DEFAULT_CONTROL_PLANE.etcd, ...formingOf(1), storageClass: null },
  resources: DEFAULT_CONTROL_PLANE.resources,
  networkDriver: 'FLANNEL',
  volumeDriver: 'CINDER',
  addons: ALL_ADDONS,
  tunnel: 'KONNECTIVITY',
  audit: DEFAULT_AUDIT,
  issuers: [],
  keystoneAuth: true,
  keystoneRoles: DEFAULT_CONTROL_PLANE.keystoneRoles,
});

let identities: ReadonlySet<string> | null = null;

const all = (): ReadonlySet<string> =>
  new Set(
    listReleases()
      .filter(({ status }) => status !== 'EXPIRED')
      .map(specimen)
      .flatMap((cluster) => [
        ...buildBootstrapObjects(cluster, ''),
        ...buildKonnectivityAgent(cluster, 8132),
        ...buildAutoscalerRights(cluster),
        ...addons.flatMap((addon) => addon.objects(cluster, { volumeTypes: [] })),
      ])
      .map((object) => identityOfObject(object as unknown as Manifest)),
  );

export const isBuiltIn = (identity: string): boolean => {
  identities ??= all();
  return identities.has(identity);
};
