/** The pod of each node: what prepares the node, and the agent. Without `privileged` where the kernel's single rights do. */
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { imageFrom } from '../../controlPlane/images.ts';
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { fingerprint } from '../../lib/json.ts';
import { versionOf } from '../addon.ts';
import type { Parts } from '../parts.ts';
import { AGENT, CONFIG } from './rights.ts';

export const CGROUP_ROOT = '/run/cilium/cgroupv2';
export const CNI_CONFIG_FOLDER = '/host/etc/cni/net.d';
export const PROC = '/host/proc';
/** The agent's answer to "are you well", at the node's own address alone. */
const HEALTH_PORT = 9879;
const CNI_PLUGINS = '/opt/cni/bin';
const BPF = '/sys/fs/bpf';
const SELECTOR = { 'k8s-app': 'cilium' };

export const imageOf = (cluster: ReachableCluster, program: string): string =>
  imageFrom(cluster, `quay.io/cilium/${program}:${versionOf(cluster, 'cilium')}`);

/** The real address: the `kubernetes` Service works only once kube-proxy runs, and the two start side by side. */
export const environmentOf = ({ endpoint }: ReachableCluster): object[] => [
  { name: 'K8S_NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  { name: 'CILIUM_K8S_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
  { name: 'KUBERNETES_SERVICE_HOST', value: endpoint.host },
  { name: 'KUBERNETES_SERVICE_PORT', value: String(endpoint.port) },
];

export const configHash = (config: KubernetesObject): Record<string, string> => ({
  'seedbed.io/mounted': fingerprint(config.data).slice(0, 32),
});

/** What SELinux calls a container that may do as the node may. */
const capable = (add: string): object => ({
  seLinuxOptions: { level: 's0', type: 'spc_t' },
  capabilities: { add: add.split(' '), drop: ['ALL'] },
});

export const buildAgent = (cluster: ReachableCluster, parts: Parts, config: KubernetesObject): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: parts.meta(AGENT),
  spec: {
    selector: { matchLabels: SELECTOR },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
    template: {
      metadata: { labels: parts.labels(SELECTOR), annotations: configHash(config) },
      spec: {
        priorityClassName: 'system-node-critical',
        serviceAccountName: AGENT,
        hostNetwork: true,
        // What it loaded into the kernel goes on without it: there is nothing to wait for.
        terminationGracePeriodSeconds: 1,
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        tolerations: [{ operator: 'Exists' }],
        // It mounts and loads into the kernel, which the usual profiles forbid.
        securityContext: { appArmorProfile: { type: 'Unconfined' }, seccompProfile: { type: 'Unconfined' } },
        initContainers: preparationOf(cluster),
        containers: [agentOf(cluster)],
        volumes: [
          { name: 'tmp', emptyDir: {} },
          { name: 'cilium-run', hostPath: { path: '/var/run/cilium', type: 'DirectoryOrCreate' } },
          { name: 'cilium-netns', hostPath: { path: '/var/run/netns', type: 'DirectoryOrCreate' } },
          { name: 'bpf-maps', hostPath: { path: BPF, type: 'DirectoryOrCreate' } },
          { name: 'hostproc', hostPath: { path: '/proc', type: 'Directory' } },
          { name: 'cilium-cgroup', hostPath: { path: CGROUP_ROOT, type: 'DirectoryOrCreate' } },
          { name: 'cni-path', hostPath: { path: CNI_PLUGINS, type: 'DirectoryOrCreate' } },
          { name: 'etc-cni-netd', hostPath: { path: '/etc/cni/net.d', type: 'DirectoryOrCreate' } },
          { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
          { name: 'host-proc-sys-net', hostPath: { path: '/proc/sys/net', type: 'Directory' } },
          { name: 'host-proc-sys-kernel', hostPath: { path: '/proc/sys/kernel', type: 'Directory' } },
        ],
      },
    },
  },
});

const preparationOf = (cluster: ReachableCluster): object[] => {
  const image = imageOf(cluster, 'cilium');
  return [
    {
      // Lays together the ConfigMap and what somebody set for single nodes, as the agent reads it.
      name: 'config',
      image,
      command: ['cilium-dbg', 'build-config'],
      env: environmentOf(cluster),
      securityContext: { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } },
      volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    },
    runAtNode('mount-cgroup', image, 'cilium-mount', CGROUP_ROOT),
    // systemd would filter packets by where they come back to, at each new interface.
    runAtNode('apply-sysctl-overwrites', image, 'cilium-sysctlfix'),
    {
      name: 'mount-bpf-fs',
      image,
      command: ['bash', '-ec', `mount | grep -q "${BPF} type bpf" || mount -t bpf bpf ${BPF}`],
      // Only so does the node see what is mounted here.
      securityContext: { privileged: true },
      volumeMounts: [{ name: 'bpf-maps', mountPath: BPF, mountPropagation: 'Bidirectional' }],
    },
    {
      name: 'clean-cilium-state',
      image,
      command: ['/init-container.sh'],
      env: [
        ...Object.entries({
          CILIUM_ALL_STATE: 'clean-cilium-state',
          CILIUM_BPF_STATE: 'clean-cilium-bpf-state',
          WRITE_CNI_CONF_WHEN_READY: 'write-cni-conf-when-ready',
        }).map(([name, key]) => ({ name, valueFrom: { configMapKeyRef: { name: CONFIG, key, optional: true } } })),
        ...environmentOf(cluster),
      ],
      securityContext: capable('NET_ADMIN SYS_MODULE SYS_ADMIN SYS_RESOURCE'),
      volumeMounts: [
        { name: 'bpf-maps', mountPath: BPF },
        { name: 'cilium-cgroup', mountPath: CGROUP_ROOT, mountPropagation: 'HostToContainer' },
        { name: 'cilium-run', mountPath: '/var/run/cilium' },
      ],
    },
    {
      name: 'install-cni-binaries',
      image,
      command: ['/install-plugin.sh'],
      securityContext: { seLinuxOptions: { level: 's0', type: 'spc_t' }, capabilities: { drop: ['ALL'] } },
      volumeMounts: [{ name: 'cni-path', mountPath: '/host/opt/cni/bin' }],
    },
  ];
};

/** Runs one of the image's programs among the node's own mounts; it is there no longer than it runs. */
const runAtNode = (name: string, image: string, program: string, ...args: string[]): object => {
  const namespaces = '--cgroup=/hostproc/1/ns/cgroup --mount=/hostproc/1/ns/mnt';
  return {
    name,
    image,
    command: [
      'bash',
      '-ec',
      [
        `cp /usr/bin/${program} /hostbin/${program}`,
        ['nsenter', namespaces, `${CNI_PLUGINS}/${program}`, ...args].join(' '),
        `rm /hostbin/${program}`,
      ].join('\n'),
    ],
    securityContext: capable('SYS_ADMIN SYS_CHROOT SYS_PTRACE'),
    volumeMounts: [
      { name: 'hostproc', mountPath: '/hostproc' },
      { name: 'cni-path', mountPath: '/hostbin' },
    ],
  };
};

const answer = (headers: Record<string, string> = {}): object => ({
  httpGet: {
    host: '127.0.0.1',
    port: HEALTH_PORT,
    path: '/healthz',
    httpHeaders: Object.entries({ brief: 'true', ...headers }).map(([name, value]) => ({ name, value })),
  },
});

const agentOf = (cluster: ReachableCluster): object => ({
  name: 'cilium-agent',
  image: imageOf(cluster, 'cilium'),
  command: ['cilium-agent'],
  args: ['--config-dir=/tmp/cilium/config-map'],
  env: environmentOf(cluster),
  securityContext: capable(
    'CHOWN KILL NET_ADMIN NET_RAW IPC_LOCK SYS_MODULE SYS_ADMIN SYS_RESOURCE DAC_OVERRIDE FOWNER SETGID SETUID SYSLOG',
  ),
  resources: { requests: { cpu: '100m', memory: '256Mi' } },
  startupProbe: { ...answer(), initialDelaySeconds: 5, periodSeconds: 2, failureThreshold: 300 },
  // An API server that is away is no reason to start it anew.
  livenessProbe: { ...answer({ 'require-k8s-connectivity': 'false' }), periodSeconds: 30, timeoutSeconds: 5, failureThreshold: 10 },
  readinessProbe: { ...answer(), periodSeconds: 30, timeoutSeconds: 5 },
  volumeMounts: [
    { name: 'tmp', mountPath: '/tmp' },
    { name: 'cilium-run', mountPath: '/var/run/cilium' },
    { name: 'cilium-netns', mountPath: '/var/run/cilium/netns', mountPropagation: 'HostToContainer' },
    { name: 'bpf-maps', mountPath: BPF, mountPropagation: 'HostToContainer' },
    { name: 'etc-cni-netd', mountPath: CNI_CONFIG_FOLDER },
    { name: 'lib-modules', mountPath: '/lib/modules', readOnly: true },
    { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
    { name: 'host-proc-sys-net', mountPath: `${PROC}/sys/net` },
    { name: 'host-proc-sys-kernel', mountPath: `${PROC}/sys/kernel` },
  ],
});
