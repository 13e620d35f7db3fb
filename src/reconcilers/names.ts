/** Names, descriptions and tags of what we make in a customer's project: found again by them after a crash. */
import { clusterTag } from '../domain/cluster.ts';
import type { ClusterRow } from '../store/reconcile.ts';

/** On every server of ours, so that one listing finds them all. */
export const SERVER_TAG = 'seedbed';

export const resourceName = (row: Pick<ClusterRow, 'shortId'>, suffix?: string): string =>
  `seedbed-${row.shortId}${suffix === undefined ? '' : `-${suffix}`}`;

/** Neutron takes it with the first call, tags only with a second. */
export const descriptionOf = (row: Pick<ClusterRow, 'id' | 'name'>): string => `Made by Seedbed for cluster ${row.name} (${row.id})`;

export const tagOf = (row: Pick<ClusterRow, 'id'>): string => clusterTag(row.id);

/** Floating IPs have no name, so the description carries the node's. */
export const floatingIpDescription = (nodeName: string, nodeId: string): string => `Made by Seedbed for node ${nodeName} (${nodeId})`;
