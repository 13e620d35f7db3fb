/** User data of a made seed's machines: the first begins the cluster with the seed's own authorities, the others join it. */
import { UserError } from '../domain/errors.ts';
import { SEED_API_PORT, type SeedAuthorities } from '../domain/madeSeed.ts';
import {
  AUTHORITIES_FOLDER,
  CONTROL_PLANE_JOIN_SCRIPT,
  INIT_CONFIG_PATH,
  INIT_SCRIPT,
  INIT_SCRIPT_PATH,
  JOIN_CONFIG_PATH,
  JOIN_SCRIPT_PATH,
  METADATA_UNIT,
  METADATA_UNIT_PATH,
  PACKAGES_PATH,
  PEERS_PATH,
  SYSCTL_PATH,
} from './joinScript.ts';
import { buildJoinConfiguration, buildUserData, MAX_USER_DATA_BYTES, SYSCTLS, type UserDataInput, yamlSafeJson } from './userData.ts';

export interface FirstMachine {
  seedName: string;
  nodeName: string;
  /** Its address in the seed's own network. */
  address: string;
  /** The floating IP that leads to it. */
  publicAddress: string;
  /** Addresses of the others of its control plane in the seed's own network. */
  peers: readonly string[];
  authorities: SeedAuthorities;
  podCidr: string;
  serviceCidr: string;
  kubernetesVersion: string;
  pauseImage: string;
  /** null: upstream's. */
  imageRegistry: string | null;
  packageSource: string | null;
}

/**
 * The seed's keys travel in user data, as Cluster API hands them to its machines: so Seedbed can issue itself a client certificate, and pin the
 * authority for the others, without a way into the machine. Pods cannot read it: see `metadataUnit`.
 */
export const buildFirstMachine = (input: FirstMachine): string =>
  controlPlaneUserData(input, {
    config: { ...file(INIT_CONFIG_PATH, buildInitConfiguration(input)), permissions: '0600' },
    more: [file(PEERS_PATH, [input.publicAddress, ...input.peers].map((address) => `${address}:${SEED_API_PORT}\n`).join(''))],
    script: { ...file(INIT_SCRIPT_PATH, INIT_SCRIPT), permissions: '0755' },
  });

export type FurtherControlPlane = Omit<FirstMachine, 'peers' | 'serviceCidr' | 'imageRegistry'> & Pick<UserDataInput, 'token' | 'caPin'>;

/** Of three, the second and the third, and whichever takes the place of one that was lost. */
export const buildControlPlaneMachine = (input: FurtherControlPlane): string => {
  const endpoint = { host: input.publicAddress, port: SEED_API_PORT };
  const own = { localAPIEndpoint: { advertiseAddress: input.address, bindPort: SEED_API_PORT } };
  // Without taints it takes pods as well.
  const join = buildJoinConfiguration({ ...input, endpoint, labels: {}, taints: [], cloudController: false, nodeIps: [] });
  return controlPlaneUserData(input, {
    config: { ...file(JOIN_CONFIG_PATH, `${yamlSafeJson({ ...join, controlPlane: own })}\n`), permissions: '0600' },
    script: { ...file(JOIN_SCRIPT_PATH, CONTROL_PLANE_JOIN_SCRIPT), permissions: '0755' },
  });
};

const controlPlaneUserData = (
  input: Pick<FirstMachine, 'podCidr' | 'authorities' | 'packageSource' | 'pauseImage' | 'kubernetesVersion'>,
  { config, script, more = [] }: Record<'config' | 'script', ReturnType<typeof file>> & { more?: ReturnType<typeof file>[] },
): string => {
  const cloudConfig = {
    write_files: [
      file('/etc/modules-load.d/seedbed.conf', 'overlay\nbr_netfilter\n'),
      file(SYSCTL_PATH, SYSCTLS.map(([key, value]) => `${key} = ${value}\n`).join('')),
      metadataUnit(input.podCidr),
      ...authorityFiles(input.authorities),
      config,
      ...more,
      ...(input.packageSource === null ? [] : [file(PACKAGES_PATH, input.packageSource)]),
      script,
    ],
    runcmd: [[script.path, input.pauseImage, input.kubernetesVersion]],
  };
  const text = `#cloud-config\n${yamlSafeJson(cloudConfig)}\n`;
  if (Buffer.byteLength(text) <= MAX_USER_DATA_BYTES) return text;
  throw new UserError(
    'INVALID_INPUT',
    `The user data of a control plane's machine is longer than the ${MAX_USER_DATA_BYTES} bytes that Nova takes.`,
  );
};

type Joining = Pick<UserDataInput, 'nodeName' | 'token' | 'caPin' | 'kubernetesVersion' | 'pauseImage' | 'packageSource'> & {
  seedName: string;
  publicAddress: string;
  podCidr: string;
};

export const buildFurtherMachine = ({ seedName, publicAddress, podCidr, ...input }: Joining): string =>
  buildUserData({
    ...input,
    clusterName: seedName,
    endpoint: { host: publicAddress, port: SEED_API_PORT },
    labels: {},
    taints: [],
    cloudController: false,
    nodeIps: [],
    cloudInit: yamlSafeJson({
      write_files: [metadataUnit(podCidr)],
      runcmd: [['systemctl', 'enable', '--now', METADATA_UNIT]],
    }),
  });

/** Shuts the cloud's metadata service, and so all user data, to pods: flannel enforces no NetworkPolicies. By a rule of the routing, which outlives whatever rewrites the packet filter. */
const metadataUnit = (podCidr: string) =>
  file(
    METADATA_UNIT_PATH,
    [
      '[Unit]',
      "Description=Shuts the cloud's metadata service to pods",
      'Before=kubelet.service',
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      `ExecStart=ip rule add from ${podCidr} to 169.254.169.254/32 blackhole`,
      `ExecStop=ip rule del from ${podCidr} to 169.254.169.254/32 blackhole`,
      '[Install]',
      'WantedBy=multi-user.target',
      '',
    ].join('\n'),
  );

/** As kubeadm names them: it makes all other certificates from what it finds. */
const authorityFiles = ({ ca, frontProxyCa, etcdCa, serviceAccount }: SeedAuthorities) =>
  [
    ['ca.crt', ca.cert],
    ['ca.key', ca.key],
    ['front-proxy-ca.crt', frontProxyCa.cert],
    ['front-proxy-ca.key', frontProxyCa.key],
    ['etcd/ca.crt', etcdCa.cert],
    ['etcd/ca.key', etcdCa.key],
    ['sa.key', serviceAccount.key],
    ['sa.pub', serviceAccount.publicKey],
  ].map(([name = '', content = '']) => ({ ...file(`${AUTHORITIES_FOLDER}/${name}`, content), permissions: '0600' }));

const file = (path: string, content: string) => ({ path, permissions: '0644', content });

/** A little less than the authorities' ten years: nobody renews a certificate on a machine that Seedbed cannot get into. */
const CERTIFICATE_HOURS = '87000h0m0s';

/** https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ */
const buildInitConfiguration = (input: FirstMachine): string =>
  [
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'InitConfiguration',
      // kubeadm insists on a token; each machine gets one of its own later.
      bootstrapTokens: [{ ttl: '1m0s' }],
      localAPIEndpoint: { advertiseAddress: input.address, bindPort: SEED_API_PORT },
      nodeRegistration: {
        name: input.nodeName,
        criSocket: 'unix:///run/containerd/containerd.sock',
        imagePullPolicy: 'IfNotPresent',
        // It takes pods as well.
        taints: [],
      },
      skipPhases: ['show-join-command'],
    },
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      clusterName: input.seedName,
      kubernetesVersion: input.kubernetesVersion,
      controlPlaneEndpoint: `${input.publicAddress}:${SEED_API_PORT}`,
      encryptionAlgorithm: 'ECDSA-P256',
      certificateValidityPeriod: CERTIFICATE_HOURS,
      apiServer: { certSANs: [input.publicAddress] },
      networking: { podSubnet: input.podCidr, serviceSubnet: input.serviceCidr },
      ...(input.imageRegistry !== null && {
        imageRepository: input.imageRegistry,
        dns: { imageRepository: `${input.imageRegistry.replace(/\/+$/, '')}/coredns` },
      }),
    },
    { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', cgroupDriver: 'systemd' },
    { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', clusterCIDR: input.podCidr },
  ]
    .map((document) => `---\n${yamlSafeJson(document)}\n`)
    .join('');
