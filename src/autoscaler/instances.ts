/** Workers in the autoscaler's words: ids that tell them apart before they have joined, where they are in their life, and what hinders them. */
import { isWanted } from '../domain/addons.ts';
import type { ErrorCode, Problem } from '../domain/errors.ts';
import { providerIdOf } from '../domain/node.ts';
import type { NodeKey } from '../store/nodes.ts';
import type { ClusterRow, NodeRow } from '../store/reconcile.ts';
import type { Instance, ProviderNode } from './protocol.ts';

/** cloudprovider.InstanceErrorClass: the first makes the autoscaler try another group for a while. */
const OUT_OF_RESOURCES = 1;
const OTHER = 99;

/** Of a worker whose server is still to be made. */
const PLACEHOLDER = /^seedbed:\/\/\/node\/([0-9a-f-]{36})$/;
/** The middle part is a region. */
const SERVER = /^openstack:\/\/[^/]*\/([0-9a-f-]{36})$/;

const idOf = ({ id, serverId }: NodeRow): string => (serverId === null ? `seedbed:///node/${id}` : providerIdOf(serverId));

/** undefined: not one of ours. A node that says nothing of its server is known by its name. */
export const keyOf = ({ providerID, name }: ProviderNode): NodeKey | undefined => {
  const nodeId = PLACEHOLDER.exec(providerID)?.[1];
  if (nodeId !== undefined) return { id: nodeId };
  const serverId = SERVER.exec(providerID)?.[1];
  if (serverId !== undefined) return { serverId };
  return providerID === '' && name !== '' ? { name } : undefined;
};

export const instanceOf = (node: NodeRow): Instance => {
  const id = idOf(node);
  if (node.deleteRequestedAt !== null) return { id, status: { instanceState: 'instanceDeleting' } };
  if (node.kubeletVersion !== null) return { id, status: { instanceState: 'instanceRunning' } };
  // Once there is a server, its boot may still end well; the autoscaler has a limit of its own for that.
  const problem = node.serverId === null ? node.fault?.problem : undefined;
  return { id, status: { instanceState: 'instanceCreating', ...(problem !== undefined && { errorInfo: errorInfoOf(problem) }) } };
};

const SCARCE: ReadonlySet<ErrorCode> = new Set([
  'QUOTA_EXCEEDED',
  'ADDRESSES_EXHAUSTED',
  'NO_VALID_HOST',
  'SERVER_BUILD_FAILED',
  'VOLUME_BUILD_FAILED',
  'SERVER_FAULT',
]);

const errorInfoOf = ({ code, message }: Problem) => ({
  errorCode: code,
  errorMessage: message,
  instanceErrorClass: SCARCE.has(code) ? OUT_OF_RESOURCES : OTHER,
});

/** Workers get labels of their size and zone. */
export const hasCloudLabels = (cluster: ClusterRow): boolean => isWanted('cloudController', cluster.spec);
