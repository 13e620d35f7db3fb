/** cloud-init user data that makes a server join its cluster: a structure to the last moment, serialised once. */
import { isIpv4 } from '../domain/cidr.ts';
import { isIpv6 } from '../domain/cidrV6.ts';
import { UserError } from '../domain/errors.ts';
import { MAX_CLUSTER_NAME } from '../domain/names.ts';
import type { Taint } from '../domain/nodeGroup.ts';
import { validateNodeLabels, validateTaints } from '../domain/nodeLabels.ts';
import { type CloudInit, mergeCloudInit, parseCloudInit } from './cloudInit.ts';
import type { ApiEndpoint } from './hostedCluster.ts';
import { JOIN_CONFIG_PATH, JOIN_SCRIPT, JOIN_SCRIPT_PATH, PACKAGES_PATH, SYSCTL_PATH } from './joinScript.ts';
import { MAX_PACKAGE_KEY_BYTES } from './packages.ts';

export interface UserDataInput {
  clusterName: string;
  /** Also the server's name, in lower case. */
  nodeName: string;
  endpoint: ApiEndpoint;
  /** "id.secret" of the node's own bootstrap token. */
  token: string;
  /** SHA-256 of the authority's public key in hex (`caPin` of `pki/keys.ts`). */
  caPin: string;
  labels: Readonly<Record<string, string>>;
  taints: readonly Taint[];
  kubernetesVersion: string;
  pauseImage: string;
  /** apt's source for what the image lacks (`buildPackageSource`); null: the image has all. */
  packageSource: string | null;
  /** A cloud controller will tell who the node is; until then it is tainted. */
  cloudController: boolean;
  /** The node's own of several addresses, one of IPv4 and then one of IPv6 at the most; empty: its kubelet finds it. */
  nodeIps: readonly string[];
  /** YAML: more for cloud-init to do. */
  cloudInit: string | null;
}

/** Nova's limit is 65,535 bytes of base64. */
export const MAX_USER_DATA_BYTES = Math.floor(65_535 / 4) * 3;

/**
 * "#cloud-config" and JSON, which is YAML to every reader.
 * @throws UserError INVALID_INPUT for what cannot be a node's name, label or taint, or when it is too long for Nova.
 */
export const buildUserData = (input: UserDataInput): string => {
  refuseMalformed(input);
  const { cloudInit } = input;
  const config = buildCloudConfig(input);
  const merged = cloudInit === null ? config : mergeCloudInit(config, readCloudInit(cloudInit));
  const text = `#cloud-config\n${yamlSafeJson(merged)}\n`;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_USER_DATA_BYTES) return text;
  const remedy = cloudInit === null ? 'use fewer or shorter labels and taints' : 'let it fetch what is large';
  throw invalid(`The node's user data has ${bytes} bytes and Nova takes ${MAX_USER_DATA_BYTES}; ${remedy}.`, [
    cloudInit === null ? 'labels' : 'cloudInit',
  ]);
};

const readCloudInit = (text: string): CloudInit => {
  // What is larger than the limit is not worth reading.
  if (Buffer.byteLength(text) > MAX_USER_DATA_BYTES)
    throw invalid(`It is larger than the ${MAX_USER_DATA_BYTES} bytes that Nova takes; let it fetch what is large.`, ['cloudInit']);
  return parseCloudInit(text, ['cloudInit']);
};

/** Whether any node of a group can be told so much. @throws UserError as `buildUserData` does. */
export const checkUserData = (group: Pick<UserDataInput, 'cloudInit' | 'labels' | 'taints'>): void => {
  buildUserData({ ...LONGEST, ...group });
};

const LONGEST = {
  clusterName: 'x'.repeat(MAX_CLUSTER_NAME),
  nodeName: 'x'.repeat(63),
  endpoint: { host: 'x'.repeat(253), port: 65_535 },
  token: `${'x'.repeat(6)}.${'x'.repeat(16)}`,
  caPin: 'f'.repeat(64),
  kubernetesVersion: 'v1000.1000.1000',
  pauseImage: 'x'.repeat(255),
  // Each line of a key has a blank more there.
  packageSource: 'x'.repeat(MAX_PACKAGE_KEY_BYTES + 512),
  cloudController: true,
  nodeIps: ['255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
};

/** The structure behind the text. */
export const buildCloudConfig = (input: Omit<UserDataInput, 'cloudInit'>) => ({
  write_files: [
    { path: '/etc/modules-load.d/seedbed.conf', permissions: '0644', content: 'overlay\nbr_netfilter\n' },
    {
      path: SYSCTL_PATH,
      permissions: '0644',
      content: sysctlsOf(input)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(''),
    },
    // Holds the token, so for root only; the script deletes it after the join.
    { path: JOIN_CONFIG_PATH, permissions: '0600', content: `${yamlSafeJson(buildJoinConfiguration(input))}\n` },
    { path: '/etc/seedbed/node.json', permissions: '0644', content: `${yamlSafeJson(describeNode(input))}\n` },
    ...(input.packageSource === null ? [] : [{ path: PACKAGES_PATH, permissions: '0644', content: input.packageSource }]),
    { path: JOIN_SCRIPT_PATH, permissions: '0755', content: JOIN_SCRIPT },
  ],
  runcmd: [[JOIN_SCRIPT_PATH, input.pauseImage, input.kubernetesVersion]],
});

// kubeadm refuses to join without forwarding; bridged pod traffic must pass the node's packet filter.
export const SYSCTLS: readonly (readonly [string, number])[] = [
  ['net.ipv4.ip_forward', 1],
  ['net.bridge.bridge-nf-call-iptables', 1],
  ['net.bridge.bridge-nf-call-ip6tables', 1],
];

const sysctlsOf = ({ nodeIps }: Pick<UserDataInput, 'nodeIps'>): typeof SYSCTLS =>
  nodeIps.length < 2 ? SYSCTLS : [...SYSCTLS, ['net.ipv6.conf.all.forwarding', 1]];

/** https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/#kubeadm-k8s-io-v1beta4-JoinConfiguration */
export const buildJoinConfiguration = ({
  endpoint,
  token,
  caPin,
  nodeName,
  labels,
  taints,
  cloudController,
  nodeIps,
}: Pick<UserDataInput, 'endpoint' | 'token' | 'caPin' | 'nodeName' | 'labels' | 'taints' | 'cloudController' | 'nodeIps'>): object => ({
  apiVersion: 'kubeadm.k8s.io/v1beta4',
  kind: 'JoinConfiguration',
  discovery: { bootstrapToken: { apiServerEndpoint: `${endpoint.host}:${endpoint.port}`, token, caCertHashes: [`sha256:${caPin}`] } },
  nodeRegistration: {
    name: nodeName,
    criSocket: 'unix:///run/containerd/containerd.sock',
    imagePullPolicy: 'IfNotPresent',
    taints: taints.map(({ key, value, effect }) => ({ key, ...(value === null ? {} : { value }), effect })),
    kubeletExtraArgs: [
      ...labelArgs(labels),
      ...(nodeIps.length === 0 ? [] : [{ name: 'node-ip', value: nodeIps.join() }]),
      ...(cloudController ? [{ name: 'cloud-provider', value: 'external' }] : []),
    ],
  },
});

const labelArgs = (labels: Readonly<Record<string, string>>): object[] => {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? [] : [{ name: 'node-labels', value: pairs.sort().join(',') }];
};

/** For a person on the server. */
const describeNode = ({ clusterName, nodeName, kubernetesVersion }: Omit<UserDataInput, 'cloudInit'>): object => ({
  clusterName,
  nodeName,
  kubernetesVersion,
});

// Nova's names may be longer; a node's becomes a label value and part of certificates.
const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const PIN = /^[0-9a-f]{64}$/;
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9./:@_-]{0,254}$/;

const refuseMalformed = (input: UserDataInput): void => {
  const { nodeName, endpoint, token, caPin, pauseImage, labels, taints, nodeIps } = input;
  if (!NODE_NAME.test(nodeName))
    throw invalid('A node name has at most 63 lower-case letters, digits and "-", between letters or digits.', ['nodeName']);
  if (!isIpv4(endpoint.host) && !HOST_NAME.test(endpoint.host))
    throw invalid('The API server must be an IPv4 address or a DNS name.', ['endpoint', 'host']);
  if (!Number.isInteger(endpoint.port) || endpoint.port < 1 || endpoint.port > 65_535)
    throw invalid('The port must be from 1 to 65535.', ['endpoint', 'port']);
  const [ipv4, ipv6, ...more] = nodeIps;
  if ((ipv4 !== undefined && !isIpv4(ipv4)) || (ipv6 !== undefined && !isIpv6(ipv6)) || more.length > 0)
    throw invalid('The addresses of the node must be one of IPv4, and one of IPv6 if it has that.', ['nodeIps']);
  if (!TOKEN.test(token)) throw invalid('The bootstrap token is malformed.', ['token']);
  if (!PIN.test(caPin)) throw invalid('The pin must be 64 hexadecimal digits.', ['caPin']);
  if (!IMAGE.test(pauseImage)) throw invalid('The image registry makes no valid image name.', ['pauseImage']);
  validateNodeLabels(labels, ['labels']);
  validateTaints(taints, ['taints']);
};

/**
 * JSON that YAML 1.1 readers (cloud-init's is one) take for the same value: they end lines at NEL, LS and PS, and refuse
 * DEL, the C1 controls, the byte order mark and the two non-characters, so these travel as escapes.
 */
export const yamlSafeJson = (value: object): string =>
  JSON.stringify(value, null, 1).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
