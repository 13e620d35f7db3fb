/** What would run of a cluster, in its seed and in itself: built as its steps build it, so that a plan tells what they will do. */
import { addons } from '../../addons/index.ts';
import { buildApiServer } from '../../controlPlane/apiServer.ts';
import { buildCinderCsi } from '../../controlPlane/cinderCsi.ts';
import type { CloudAccess } from '../../controlPlane/cloudConfig.ts';
import { buildCloudController } from '../../controlPlane/cloudController.ts';
import { buildClusterAutoscaler } from '../../controlPlane/clusterAutoscaler.ts';
import { buildControllerManager } from '../../controlPlane/controllerManager.ts';
import { buildEtcd } from '../../controlPlane/etcd.ts';
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { buildKeystoneAuth } from '../../controlPlane/keystoneAuth.ts';
import { buildKonnectivityAgent } from '../../controlPlane/konnectivityAgent.ts';
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { buildScheduler } from '../../controlPlane/scheduler.ts';
import { isWanted } from '../../domain/addons.ts';
import { formingOf } from '../../domain/etcd.ts';
import type { Workload } from '../../domain/plan.ts';
import { fingerprint } from '../../lib/json.ts';
import type { ClusterPki } from '../../pki/bundle.ts';
import type { WorldSettings } from '../world.ts';
import { type HostedRow, type HostingSeed, hostedOf } from './scope.ts';

/** Of a seed that has not been chosen yet: its kind of address and its classes change no number. */
const ANY_SEED: HostingSeed = { exposure: 'LOAD_BALANCER', storageClass: null, facts: null };
/** An address and a port, where there are none yet. */
const ENDPOINT = { host: '192.0.2.1', port: 6443 };
const AGENT_PORT = 8132;
/** In place of whatever is secret: a plan compares what stays the same with itself. */
const SECRET = 'secret';
const PAIR = { cert: SECRET, key: SECRET };

/** Answers SECRET for every name. */
const each = <Value>(value: Value): Record<string, Value> => new Proxy({}, { get: () => value });

const PKI = {
  authorities: each(PAIR),
  serviceAccount: { key: SECRET, publicKey: SECRET },
  leaves: each(PAIR),
  kubeconfigs: each(SECRET),
  encryption: { keys: [], plain: false, turn: 0, spread: true },
  trust: each(SECRET),
} as unknown as ClusterPki;

/** `hasAutoscaler`: the operator has set up an end for autoscalers. */
export const createWorkloads =
  (settings: WorldSettings, hasAutoscaler: boolean) =>
  (row: HostedRow, seed: HostingSeed | null): Workload[] => {
    const { spec, resolved } = row;
    const members = { ...formingOf(spec.controlPlane.replicas), phase: 'SETTLED' as const };
    const hosted = hostedOf({ ...row, etcd: members }, seed ?? ANY_SEED, settings);
    const cluster: ReachableCluster = { ...hosted, endpoint: hosted.endpoint ?? ENDPOINT };
    const cloud: CloudAccess = {
      ...settings.cloud,
      credential: { id: SECRET, secret: SECRET },
      ports: [],
      externalNetworkId: resolved?.externalNetworkId ?? null,
      subnetId: resolved?.fixedSubnetId ?? null,
    };
    const scales = spec.autoScalingEnabled && hasAutoscaler;
    const provider = { ...ENDPOINT, ...PAIR, caPem: SECRET };
    const keystone = { url: cloud.authUrl, port: 443, caPem: cloud.caPem };
    const inSeed = [
      ...buildEtcd(cluster, PKI),
      ...buildApiServer(cluster, PKI),
      ...buildControllerManager(cluster, PKI),
      ...buildScheduler(cluster, PKI),
      ...(isWanted('cloudController', spec) ? buildCloudController(cluster, PKI, cloud) : []),
      ...(isWanted('cinderCsi', spec) ? buildCinderCsi(cluster, PKI, cloud) : []),
      ...(spec.keystoneAuthEnabled ? buildKeystoneAuth(cluster, PKI, keystone) : []),
      ...(scales ? buildClusterAutoscaler(cluster, PKI, provider, spec.autoScaling) : []),
    ];
    const wanted = addons.filter(({ name }) => isWanted(name, spec));
    const inCluster = [
      ...(spec.controlPlane.tunnel === 'NONE' ? [] : buildKonnectivityAgent(cluster, AGENT_PORT)),
      ...wanted.flatMap((addon) => addon.objects(cluster, { volumeTypes: [] })),
    ];
    return [
      ...inSeed.flatMap((object) => workloadOf('SEED', object, object.metadata.labels?.['app.kubernetes.io/component'])),
      ...inCluster.flatMap((object) => workloadOf('CLUSTER', object, object.metadata.name)),
    ];
  };

interface PodTemplate {
  replicas?: number;
  template?: object;
  volumeClaimTemplates?: readonly object[];
}

const KINDS: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

const workloadOf = (service: Workload['service'], { kind, metadata, spec }: KubernetesObject, name = metadata.name): Workload[] => {
  if (!KINDS.has(kind)) return [];
  const { replicas = 1, template, volumeClaimTemplates = [] } = spec as PodTemplate;
  return [
    {
      service,
      kind,
      name,
      replicas: kind === 'DaemonSet' ? null : replicas,
      template: fingerprint(template),
      claims: volumeClaimTemplates.length,
    },
  ];
};
