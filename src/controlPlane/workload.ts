/** What the control plane's pods have in common: mounted files, probes, and the Deployment around a single container. */
import type { ComponentResources } from '../domain/controlPlane.ts';
import { fingerprint } from '../lib/json.ts';
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
  probes: { live: string; ready: string };
  mounts: Mount[];
  resources: ComponentResources;
  /** Time between leaving the Service and SIGTERM; null for what nobody dials. */
  drainSeconds: number | null;
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

/** A hash of what is mounted: a new certificate rolls exactly the pods that read it at start. */
export const mountAnnotations = (mounts: readonly Mount[]): Record<string, string> => ({
  'seedbed.io/mounted': fingerprint(mounts.map(({ source }) => [source.metadata.name, source.data])).slice(0, 32),
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

type Scheme = 'HTTP' | 'HTTPS';

/**
 * Asked every second until it stands and for readiness, so that nobody waits for a probe's turn (10 s by default);
 * five minutes to start, for a slow disk is no reason to kill; patient once it lives.
 */
export const probesOf = (scheme: Scheme, port: number, paths: { live: string; ready: string }) => ({
  startupProbe: { httpGet: { scheme, path: paths.live, port }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 300 },
  readinessProbe: { httpGet: { scheme, path: paths.ready, port }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 3 },
  livenessProbe: { httpGet: { scheme, path: paths.live, port }, periodSeconds: 10, timeoutSeconds: 15, failureThreshold: 8 },
});

export const buildDeployment = (cluster: HostedCluster, input: DeploymentInput): KubernetesObject => ({
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
      metadata: { labels: podLabelsOf(cluster, input.component), annotations: mountAnnotations(input.mounts) },
      spec: { ...podSecurity, containers: [containerOf(input)], volumes: volumesOf(input.mounts) },
    },
  },
});

const containerOf = (input: DeploymentInput): object => ({
  name: input.component,
  image: input.image,
  imagePullPolicy: 'IfNotPresent',
  command: input.command,
  ports: [{ name: 'https', containerPort: input.port, protocol: 'TCP' }],
  ...probesOf('HTTPS', input.port, input.probes),
  ...(input.drainSeconds === null ? {} : { lifecycle: { preStop: { sleep: { seconds: input.drainSeconds } } } }),
  resources: { requests: requestsOf(input.resources) },
  securityContext: containerSecurity,
  volumeMounts: volumeMountsOf(input.mounts),
});
