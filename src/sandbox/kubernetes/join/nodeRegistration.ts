/** The kubelet's first act with its certificate: it makes its Node, or takes over the one that is there. */
import { type Dict, text } from '../objects.ts';
import { createApiClient } from './apiClient.ts';

export interface NodeFacts {
  nodeName: string;
  /** The first is the one that others reach it by. */
  addresses: readonly string[];
  serverId: string;
  labels: Record<string, string>;
  taints: Dict[];
  kubeletVersion: string;
}

const CAPACITY = { cpu: '2', memory: '4Gi', pods: '110', 'ephemeral-storage': '20Gi' };

const nodeObject = (facts: NodeFacts): Dict => {
  const { nodeName } = facts;
  const base = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': 'amd64',
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels: { ...base, ...facts.labels } },
    spec: facts.taints.length > 0 ? { taints: facts.taints } : {},
    status: {
      capacity: CAPACITY,
      allocatable: CAPACITY,
      addresses: [...facts.addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: nodeName }],
      nodeInfo: {
        kubeletVersion: facts.kubeletVersion,
        kubeProxyVersion: '',
        osImage: 'Debian GNU/Linux 12 (bookworm)',
        kernelVersion: '6.1.0-sandbox',
        containerRuntimeVersion: 'containerd://1.7.0',
        operatingSystem: 'linux',
        architecture: 'amd64',
        machineID: facts.serverId.replaceAll('-', ''),
        systemUUID: facts.serverId,
        bootID: facts.serverId,
      },
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
    },
  };
};

/** Throws with the server's words when it refuses. */
export const registerNode = async (
  access: { server: string; caPem: string; certPem: string; keyPem: string },
  facts: NodeFacts,
): Promise<void> => {
  const client = createApiClient(access.server, access);
  try {
    const posted = await client.call('POST', '/api/v1/nodes', { body: nodeObject(facts) });
    if (posted.status < 300) return;
    if (posted.status !== 409)
      throw new Error(`Unable to register node "${facts.nodeName}" with API server: ${text(posted.body.message) || posted.status}`);
    const { status } = nodeObject(facts);
    const patched = await client.call('PATCH', `/api/v1/nodes/${facts.nodeName}/status`, {
      body: { status },
      contentType: 'application/merge-patch+json',
    });
    if (patched.status >= 300) throw new Error(`Unable to update node "${facts.nodeName}": ${text(patched.body.message)}`);
  } finally {
    client.close();
  }
};
