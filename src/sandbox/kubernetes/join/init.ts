/** `kubeadm init` with authorities that lie ready: reads its configuration, makes the other certificates, and says what it would put into the cluster. */
import { randomUUID } from 'node:crypto';
import { parseAllDocuments, stringify } from 'yaml';
import type { ControlPlaneFiles } from '../../contract.ts';
import { parsePair, publicKeyText } from '../hosted/pkiChecks.ts';
import { createNodeRequest, readNodeRequest, signNodeRequest } from '../nodeCertificates.ts';
import { type Dict, dict, dicts, text, texts } from '../objects.ts';
import { issueCertificate } from '../seedPki.ts';
import type { CloudConfig } from './cloudConfig.ts';
import { createInitialObjects } from './initObjects.ts';

const PKI = '/etc/kubernetes/pki';
const YEAR_MS = 31_536_000_000;
const API_PORT = 6443;

export interface Initialized {
  files: ControlPlaneFiles;
  nodeName: string;
  taints: Dict[];
  /** The kubelet's way in. */
  access: { server: string; caPem: string; certPem: string; keyPem: string; kubernetesVersion: string };
}

/** Throws with kubeadm's complaint. `machine`: it must have the address that the API is to be at. */
export const runKubeadmInit = async (
  cloud: CloudConfig,
  configPath: string,
  machine: { addresses: readonly string[]; name: string; kubeVersion: string | null },
): Promise<Initialized> => {
  const documents = parseAllDocuments(fileAt(cloud, configPath)).map((document) => dict(document.toJS()));
  const [init, cluster] = ['InitConfiguration', 'ClusterConfiguration'].map((kind) => documents.find((d) => d.kind === kind) ?? {});
  if (documents.some((d) => text(d.apiVersion).startsWith('kubeadm.k8s.io/') && d.apiVersion !== 'kubeadm.k8s.io/v1beta4'))
    throw new Error('your configuration file uses an old API spec; the sandbox knows kubeadm.k8s.io/v1beta4');
  const { advertiseAddress, bindPort } = dict(init?.localAPIEndpoint);
  const address = text(advertiseAddress);
  if (!machine.addresses.includes(address))
    throw new Error(`error execution phase wait-control-plane: "${address}" is none of this machine's addresses`);
  const version = text(cluster?.kubernetesVersion);
  if (machine.kubeVersion !== null && minorOf(machine.kubeVersion) < minorOf(version))
    throw new Error(`this version of kubeadm only supports deploying clusters with the control plane version <= ${machine.kubeVersion}`);
  const files = await buildControlPlane(cloud, { cluster: cluster ?? {}, address, bindPort: Number(bindPort ?? API_PORT) });
  const nodeName = text(dict(init?.nodeRegistration).name) || machine.name;
  const request = createNodeRequest('system:nodes', `system:node:${nodeName}`);
  const certPem = signNodeRequest(files.ca, readNodeRequest(request.requestPem), {
    notBeforeMs: Date.now() - 300_000,
    notAfterMs: Date.now() + YEAR_MS,
    forServers: false,
  });
  const serverUrl = `https://${text(cluster?.controlPlaneEndpoint)}`;
  const { podSubnet, serviceSubnet, dnsDomain } = dict(cluster?.networking);
  const kubeletConfiguration = dict(documents.find((d) => d.kind === 'KubeletConfiguration'));
  return {
    nodeName,
    taints: dicts(dict(init?.nodeRegistration).taints),
    access: { server: serverUrl, caPem: files.ca.certPem, certPem, keyPem: request.keyPem, kubernetesVersion: version },
    files: {
      ...files,
      id: randomUUID(),
      objects: createInitialObjects({
        server: serverUrl,
        caPem: files.ca.certPem,
        clusterConfiguration: stringify({
          ...cluster,
          networking: { dnsDomain: text(dnsDomain) || 'cluster.local', podSubnet, serviceSubnet },
        }),
        kubeletConfiguration: stringify({ ...kubeletConfiguration, kind: 'KubeletConfiguration' }),
        serviceCidr: files.serviceCidr,
        kubernetesVersion: version,
      }),
    },
  };
};

/** What is alike on each machine of a control plane: the seed's authorities as they lie ready, and what kubeadm makes of them. `cluster`: a ClusterConfiguration. */
export const buildControlPlane = async (
  cloud: CloudConfig,
  { cluster, address, bindPort }: { cluster: Dict; address: string; bindPort: number },
): Promise<Omit<ControlPlaneFiles, 'id'>> => {
  const [host = ''] = text(cluster.controlPlaneEndpoint).split(':');
  const pki = pkiOf(cloud);
  const pair = (name: string) => ({ certPem: fileOf(pki, `${name}.crt`), keyPem: fileOf(pki, `${name}.key`) });
  const ca = pair('ca');
  for (const name of ['ca', 'front-proxy-ca', 'etcd/ca']) parsePair(pair(name).certPem, pair(name).keyPem, `the authority ${name}`);
  const publicPem = publicKeyText(fileOf(pki, 'sa.pub'), 'sa.pub');
  if (publicKeyText(fileOf(pki, 'sa.key'), 'sa.key') !== publicPem) throw new Error('sa.key and sa.pub are no pair');
  const { podSubnet, serviceSubnet } = dict(cluster.networking);
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost', '127.0.0.1', address, host];
  const server = await issueCertificate(ca, {
    subject: 'CN=kube-apiserver',
    usage: 'server',
    hosts: [...new Set([...names, ...texts(dict(cluster.apiServer).certSANs)])],
    nowMs: Date.now(),
  });
  const kubeletClient = await issueCertificate(ca, {
    subject: 'CN=kube-apiserver-kubelet-client',
    usage: 'client',
    hosts: [],
    nowMs: Date.now(),
  });
  return {
    kubernetesVersion: text(cluster.kubernetesVersion),
    address,
    endpoint: { host, port: bindPort },
    serviceCidr: text(serviceSubnet) || '10.96.0.0/12',
    podCidr: text(podSubnet),
    ca,
    server,
    kubeletClientPem: kubeletClient.certPem,
    serviceAccountKeyPem: fileOf(pki, 'sa.key'),
    serviceAccountPublicPem: publicPem,
    objects: [],
  };
};

const minorOf = (version: string): number => Number(/^v?1\.(\d+)\./.exec(version)?.[1] ?? 0);

const fileAt = ({ files }: CloudConfig, path: string): string => {
  const content = files.get(path);
  if (content === undefined) throw new Error(`unable to read config from "${path}": open ${path}: no such file or directory`);
  return content;
};

/** What lies in kubeadm's own folder, and what a command copies to it. */
const pkiOf = ({ files, commands }: CloudConfig): Map<string, string> => {
  const folders = [PKI, ...commands.flatMap((command) => /cp -R (\S+)\/\. \/etc\/kubernetes\/pki\//.exec(command)?.[1] ?? [])];
  return new Map(
    folders.flatMap((folder) =>
      [...files]
        .filter(([path]) => path.startsWith(`${folder}/`))
        .map(([path, content]): [string, string] => [path.slice(folder.length + 1), content]),
    ),
  );
};

const fileOf = (pki: ReadonlyMap<string, string>, name: string): string => {
  const content = pki.get(name);
  if (content === undefined) throw new Error(`the sandbox plays kubeadm init with authorities that lie ready, and ${PKI}/${name} does not`);
  return content;
};
