/** What `kubeadm upgrade` reads and writes in its cluster. */
import { parse, stringify } from 'yaml';
import type { ControlPlaneFiles } from '../../contract.ts';
import { at, type Dict, dict, dicts, text } from '../objects.ts';
import { issueCertificate } from '../seedPki.ts';
import { type ApiAnswer, type ApiClient, createApiClient } from './apiClient.ts';

const CONFIG = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';
const KUBE_PROXY = '/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy';

interface Access {
  server: string;
  caPem: string;
  certPem: string;
  keyPem: string;
}

const bodyOf = ({ status, body }: ApiAnswer): Dict => {
  if (status < 300) return body;
  throw new Error(`unable to fetch the kubeadm-config ConfigMap: failed to get config map: ${text(body.message) || status}`);
};

const withClient = async <T>(access: Access, work: (client: ApiClient) => Promise<T>): Promise<T> => {
  const client = createApiClient(access.server, access);
  try {
    return await work(client);
  } finally {
    client.close();
  }
};

const configurationIn = (config: Dict): Dict => dict(parse(text(at(config, 'data', 'ClusterConfiguration'))));

/** By the kubelet's own login, which may read it. */
export const readClusterVersion = (access: Access): Promise<string> =>
  withClient(access, async (client) => text(configurationIn(bodyOf(await client.call('GET', CONFIG))).kubernetesVersion));

/** As the administrator whose kubeconfig is on the machine: the version that is noted, and the addons that go with it. */
export const changeCluster = async (files: ControlPlaneFiles, access: Access, version: string): Promise<void> => {
  const subject = 'O=system:masters,CN=kubernetes-super-admin';
  const admin = await issueCertificate(files.ca, { subject, usage: 'client', hosts: [], nowMs: Date.now() });
  await withClient({ server: access.server, caPem: files.ca.certPem, ...admin }, async (client) => {
    const config = bodyOf(await client.call('GET', CONFIG));
    const ClusterConfiguration = stringify({ ...configurationIn(config), kubernetesVersion: version });
    bodyOf(await client.call('PUT', CONFIG, { body: { ...config, data: { ...dict(config.data), ClusterConfiguration } } }));
    const proxy = bodyOf(await client.call('GET', KUBE_PROXY));
    const [container] = dicts(at(proxy, 'spec', 'template', 'spec', 'containers'));
    if (container === undefined) return;
    container.image = text(container.image).replace(/:v[^:]*$/, `:${version}`);
    bodyOf(await client.call('PUT', KUBE_PROXY, { body: proxy }));
  });
};
