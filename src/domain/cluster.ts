/** Clusters: what a customer asks for, and what is known of it. */
import { uniqueLocalCidr } from './cidrV6.ts';
import { isDualStack, type TemplateSpec } from './template.ts';

export type ClusterState =
  | 'PENDING'
  | 'CREATING'
  | 'READY'
  | 'UPDATING'
  | 'DEGRADED'
  | 'UNKNOWN'
  | 'HIBERNATING'
  | 'HIBERNATED'
  | 'WAKING'
  | 'FAILED'
  | 'DELETING'
  | 'DELETED';

/** The template's fields after the customer's overrides; names as given, not yet ids. */
export type ClusterSpec = TemplateSpec;

/** Names made ids once, at the first look at the cloud, so that a renamed image changes nothing later. */
export interface ResolvedNames {
  externalNetworkId: string | null;
  fixedNetworkId: string | null;
  fixedSubnetId: string | null;
  /** The IPv6 subnet beside it; absent while there is none, and in clusters that have IPv4 alone. */
  fixedSubnetV6Id?: string;
  /** True: network, subnet and router are ours to make and to delete. */
  ownNetwork: boolean;
  /** Range of a subnet that was given; absent on clusters that were resolved before it was kept, until their next look. */
  fixedCidr?: string;
  /** Range of an IPv6 subnet that was given. */
  fixedCidrV6?: string;
  /** Of our router to the outside: what its workers call the API from. Looked for once the API is not open to all. */
  gatewayAddresses?: string[];
  /** Id of the router that has them: one that was made anew has others. */
  gatewayOf?: string;
  /** The project's quotas have been found to have room for all of the cluster; from then on its parts may be made. */
  roomFound?: true;
}

/** Range of the workers' subnet: the one asked for, or that of the subnet that was given; null while nobody has looked at it. */
export const nodeCidrOf = ({ spec, resolved }: { spec: ClusterSpec; resolved: ResolvedNames | null }): string | null =>
  spec.fixedNetwork === null ? spec.nodeCidr : (resolved?.fixedCidr ?? null);

/** The same for IPv6; null where workers have none. */
export const nodeCidrV6Of = ({ id, spec, resolved }: { id: string; spec: ClusterSpec; resolved: ResolvedNames | null }): string | null => {
  if (!isDualStack(spec)) return null;
  return spec.fixedNetwork === null ? (spec.nodeCidrV6 ?? uniqueLocalCidr(id)) : (resolved?.fixedCidrV6 ?? null);
};

/** Rotations that were asked for since the cluster was made. */
export interface Rotations {
  encryptionKey?: number;
  certificates?: number;
}

/** Who lends what to whom. */
export interface TrustTerms {
  trustorUserId: string;
  roles: string[];
  /** ISO time with microseconds that only this trust uses: its natural key. */
  expiresAt: string;
}

/** The Keystone trust by which Seedbed acts in the customer's project. */
export interface TrustReference extends TrustTerms {
  trustId: string | null;
  /** The last caller's, whose token is kept until it is seen whether this trust still holds: if not, this one is made. */
  heir?: TrustTerms;
}

/** The remedy for a trust that no longer holds, as part of a sentence. */
export const RENEW_TRUST = 'retry the operation, or change or delete the cluster, as a member of the project, and a new trust is made';

/** DNS-safe, ≤ 20 characters, unique: begins with the cluster's name for people, ends with random letters for machines. */
export const shortIdOf = (name: string, random: string): string =>
  `${name
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '')
    .slice(0, 11)
    .replace(/-+$/, '')}-${random.slice(0, 8)}`.replace(/^-/, 'c-');

export const namespaceOf = (shortId: string): string => `kc-${shortId}`;

/** The tag on everything we make in a customer's project for this cluster. */
export const clusterTag = (clusterId: string): string => `seedbed-cluster-${clusterId}`;
