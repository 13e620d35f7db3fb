/** kubeadm's JoinConfiguration, read as strictly as kubeadm reads it (https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/). */
import { isIP } from 'node:net';
import { parseAllDocuments } from 'yaml';
import { isForbiddenKubeletLabel } from '../admission.ts';
import { type Dict, dict, dicts, isDict, text, texts } from '../objects.ts';

export interface JoinConfiguration {
  nodeName: string;
  taints: Dict[];
  labels: Record<string, string>;
  /** What its kubelet is told to be reached at; empty: it finds its own first IPv4 address. */
  nodeIps: string[];
  bootstrapToken: string;
  /** Where its own API server is to listen; null: it is to run none. */
  controlPlane: { address: string; port: number } | null;
  discovery:
    | { kind: 'token'; endpoint: string; token: string; pins: string[]; unsafe: boolean }
    | { kind: 'file'; server: string; caPem: string };
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** v1beta4 has a list of name and value; v1beta3 had a map. */
const extraArgs = (value: unknown): Map<string, string> =>
  isDict(value)
    ? new Map(Object.entries(value).map(([k, v]) => [k, String(v)]))
    : new Map(dicts(value).map((a) => [text(a.name), String(a.value)]));

const parseLabels = (value: string): Record<string, string> =>
  Object.fromEntries(
    value
      .split(',')
      .filter(Boolean)
      .map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );

const readFile = (files: ReadonlyMap<string, string>, path: string): string => {
  const content = files.get(path);
  if (content === undefined) throw new Error(`unable to read config from "${path}" : open ${path}: no such file or directory`);
  return content;
};

const fileDiscovery = (files: ReadonlyMap<string, string>, path: string): JoinConfiguration['discovery'] => {
  const kubeconfig = dict(parseAllDocuments(readFile(files, path))[0]?.toJS());
  const cluster = dict(dicts(kubeconfig.clusters)[0]?.cluster);
  if (!URL.canParse(text(cluster.server))) throw new Error(`couldn't load discovery file: ${path}: no cluster with a server`);
  return {
    kind: 'file',
    server: text(cluster.server),
    caPem: Buffer.from(text(cluster['certificate-authority-data']), 'base64').toString(),
  };
};

const readDiscovery = (config: Dict, files: ReadonlyMap<string, string>): { discovery: JoinConfiguration['discovery']; token: string } => {
  const discovery = dict(config.discovery);
  const tlsToken = text(discovery.tlsBootstrapToken);
  if (isDict(discovery.file)) return { discovery: fileDiscovery(files, text(discovery.file.kubeConfigPath)), token: tlsToken };
  const given = dict(discovery.bootstrapToken);
  const [endpoint, token, pins] = [text(given.apiServerEndpoint), text(given.token), texts(given.caCertHashes)];
  const unsafe = given.unsafeSkipCAVerification === true;
  if (!TOKEN.test(token)) throw new Error('discovery.bootstrapToken.token: Invalid value: the bootstrap token is invalid');
  if (!/^\[?[^\s/]+\]?:\d+$/.test(endpoint))
    throw new Error(`discovery.bootstrapToken.apiServerEndpoint: Invalid value: "${endpoint}": address is not host:port`);
  if (pins.length === 0 && !unsafe)
    throw new Error(
      'discovery.bootstrapToken: Invalid value: "": using token-based discovery without caCertHashes can be unsafe. Set unsafeSkipCAVerification as true in your kubeadm config file to continue',
    );
  return { discovery: { kind: 'token', endpoint, token, pins, unsafe }, token: tlsToken || token };
};

const readControlPlane = ({ controlPlane }: Dict): JoinConfiguration['controlPlane'] => {
  if (!isDict(controlPlane)) return null;
  const { advertiseAddress, bindPort } = dict(controlPlane.localAPIEndpoint);
  return { address: text(advertiseAddress), port: Number(bindPort ?? 6443) };
};

const readDocuments = (content: string): Dict[] => {
  if (content.startsWith('{')) {
    try {
      return [dict(JSON.parse(content))];
    } catch {
      // Several documents, or YAML in flow style.
    }
  }
  return parseAllDocuments(content).map((d) => dict(d.toJS()));
};

/** Throws with kubeadm's complaint. */
export const parseJoinConfiguration = (path: string, files: ReadonlyMap<string, string>, hostName: string): JoinConfiguration => {
  const documents = readDocuments(readFile(files, path));
  const config = documents.find((d) => d.kind === 'JoinConfiguration');
  if (!config) throw new Error('no InitConfiguration or JoinConfiguration kind was found in the YAML file');
  if (!/^kubeadm\.k8s\.io\/v1beta[34]$/.test(text(config.apiVersion)))
    throw new Error(`your configuration file uses an unsupported API spec: "${text(config.apiVersion)}"`);
  const { discovery, token } = readDiscovery(config, files);
  const registration = dict(config.nodeRegistration);
  const nodeName = text(registration.name) || hostName.toLowerCase();
  if (!NODE_NAME.test(nodeName) || nodeName.length > 63)
    throw new Error(
      `nodeRegistration.name: Invalid value: "${nodeName}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`,
    );
  const labels = parseLabels(extraArgs(registration.kubeletExtraArgs).get('node-labels') ?? '');
  const refused = Object.keys(labels).filter(isForbiddenKubeletLabel);
  if (refused.length > 0)
    throw new Error(`kubelet: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${refused.join(' ')}]`);
  const nodeIps = (extraArgs(registration.kubeletExtraArgs).get('node-ip') ?? '').split(',').filter(Boolean);
  if (nodeIps.some((ip) => isIP(ip) === 0))
    throw new Error(`kubelet: bad --node-ip "${nodeIps.join()}": must be either a single IP or a dual-stack pair of IPs`);
  const provider = extraArgs(registration.kubeletExtraArgs).get('cloud-provider') ?? '';
  if (provider !== '' && provider !== 'external') throw new Error(`kubelet: unsupported value "${provider}" for --cloud-provider`);
  const uninitialized = { key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' };
  const taints = [...dicts(registration.taints), ...(provider === 'external' ? [uninitialized] : [])];
  return { nodeName, taints, labels, nodeIps, bootstrapToken: token, discovery, controlPlane: readControlPlane(config) };
};
