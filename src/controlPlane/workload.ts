/** What the control plane's pods have in common: mounted files, probes, and the Deployment around a single container. */
import type { ComponentResources } from '../domain/controlPlane.ts';
import { fingerprint } from '../lib/json.ts';
import { priorityOf, topologySpreadOf } from './availability.ts';
import type { HostedCluster } from './hostedCluster.ts';
import { type Component, type KubernetesObject, labelsOf, seedMeta } from './object.ts';
import { containerSecurity, podSecurity, SECRET_FILE_MODE } from './podSecurity.ts';

/** A Secret or ConfigMap of ours, mounted whole. */
export interface Mount {
  volume: string;
  path: string;
  source: KubernetesObject;
}

export interface DeploymentInput {
  component: Component;
  name: string;
  image: string;
  replicas: number;
  command: string[];
  port: number;
  /** Of its port; HTTPS unless given. */
  scheme?: Scheme;
  probes: { live: string; ready: string };
  mounts: Mount[];
  resources: ComponentResources;
  /** Between SIGTERM and the end by force; null for the usual 30 s. */
  graceSeconds: number | null;
  /** Runs beside the container, in the same pod. */
  sidecar?: Sidecar;
}

export interface Sidecar {
  container: object;
  mounts: Mount[];
  /** Of the pod, for both containers. */
  volumes: object[];
  /** In the main container. */
  volumeMounts: object[];
}

/** Minimal and unchangeable: a Deployment's selector can never be edited. */
export const selectorOf = (cluster: HostedCluster, component: Component): Record<string, string> => ({
  'app.kubernetes.io/name': component,
  'app.kubernetes.io/instance': cluster.shortId,
});

export const podLabelsOf = (cluster: HostedCluster, component: Component): Record<string, string> => ({
  ...labelsOf(cluster, component),
  ...selectorOf(cluster, component),
});

/** The annotation of a pod that says what it mounts. */
export const MOUNTED = 'seedbed.io/mounted';

/** A hash of what is mounted: a new certificate rolls exactly the pods that read it at start. */
export const mountAnnotations = (mounts: readonly Mount[]): Record<string, string> => ({
  [MOUNTED]: fingerprint(mounts.map(({ source }) => [source.metadata.name, source.data])).slice(0, 32),
});

export const volumesOf = (mounts: readonly Mount[]): object[] =>
  mounts.map(({ volume, source: { kind, metadata } }) =>
    kind === 'Secret'
      ? { name: volume, secret: { secretName: metadata.name, defaultMode: SECRET_FILE_MODE } }
      : { name: volume, configMap: { name: metadata.name, defaultMode: SECRET_FILE_MODE } },
  );

export const volumeMountsOf = (mounts: readonly Mount[]): object[] =>
  mounts.map(({ volume, path }) => ({ name: volume, mountPath: path, readOnly: true }));

/** No limits: what a control plane does in bursts, such as its start, a limit on CPU would only draw out. */
export const requestsOf = ({ cpuMillicores, memoryMiB }: ComponentResources) => ({ cpu: `${cpuMillicores}m`, memory: `${memoryMiB}Mi` });

/**
 * Whoever cannot renew its lease ends itself, and on a busy machine 10 s (the default) are too short: many control planes that start
 * at once would restart each other's leaders. A leader that dies is followed after 30 s, and nobody waits for these two so soon.
 */
export const LEASE = ['--leader-elect-lease-duration=30s', '--leader-elect-renew-deadline=20s', '--leader-elect-retry-period=4s'];

type Scheme = 'HTTP' | 'HTTPS';

/**
 * Asked every second until it stands, so that nobody waits for a probe's turn (10 s by default); ten minutes to start, for a slow
 * disk or ten that start at once are no reason to kill; patient once it lives. A container that ends is seen without a probe, so
 * readiness need not be asked often: ten control planes are fifty handshakes a round.
 */
export const probesOf = (scheme: Scheme, port: number, paths: { start: string; live: string; ready: string }) => ({
  startupProbe: { httpGet: { scheme, path: paths.start, port }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 600 },
  readinessProbe: { httpGet: { scheme, path: paths.ready, port }, periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 2 },
  livenessProbe: { httpGet: { scheme, path: paths.live, port }, periodSeconds: 10, timeoutSeconds: 15, failureThreshold: 8 },
});

export const buildDeployment = (cluster: HostedCluster, input: DeploymentInput): KubernetesObject => {
  const mounts = [...input.mounts, ...(input.sidecar?.mounts ?? [])];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: seedMeta(cluster, input.name, input.component),
    spec: {
      replicas: input.replicas,
      revisionHistoryLimit: 2,
      // The new pod must answer before an old one goes: one replica is rolled without a gap.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selectorOf(cluster, input.component) },
      template: {
        metadata: { labels: podLabelsOf(cluster, input.component), annotations: mountAnnotations(mounts) },
        spec: {
          ...podSecurity,
          ...priorityOf(cluster),
          ...(input.graceSeconds !== null && { terminationGracePeriodSeconds: input.graceSeconds }),
          topologySpreadConstraints: topologySpreadOf(cluster, input.component, true),
          containers: [containerOf(input), ...(input.sidecar === undefined ? [] : [input.sidecar.container])],
          volumes: [...volumesOf(mounts), ...(input.sidecar?.volumes ?? [])],
        },
      },
    },
  };
};

const containerOf = (input: DeploymentInput): object => ({
  name: input.component,
  image: input.image,
  imagePullPolicy: 'IfNotPresent',
  command: input.command,
  ports: [{ name: (input.scheme ?? 'HTTPS').toLowerCase(), containerPort: input.port, protocol: 'TCP' }],
  // The first question about readiness then comes when the answer is known to be yes.
  ...probesOf(input.scheme ?? 'HTTPS', input.port, { ...input.probes, start: input.probes.ready }),
  resources: { requests: requestsOf(input.resources) },
  securityContext: containerSecurity,
  volumeMounts: [...volumeMountsOf(input.mounts), ...(input.sidecar?.volumeMounts ?? [])],
});
