/** What a project's cloud offers to choose from: the words of a create form and of the checks on input. */
import type { ResourceQuota } from './quota.ts';

export interface CloudFlavor {
  id: string;
  name: string;
  vcpus: number;
  ramMiB: number;
  /** 0: the size of the image, or of a root volume. */
  diskGiB: number;
  isPublic: boolean;
}

export interface CloudImage {
  id: string;
  name: string;
  /** 'active' is the only one a server can start from. */
  status: string;
  visibility: string;
  osDistro: string | null;
  osVersion: string | null;
  /** The kubelet's version, if the image carries one and says so. */
  kubeVersion: string | null;
  minDiskGiB: number;
  minRamMiB: number;
  sizeBytes: number | null;
  /** All other properties that are text. */
  properties: Record<string, string>;
}

export interface CloudSubnet {
  id: string;
  name: string;
  description: string;
  networkId: string;
  cidr: string;
  ipVersion: 4 | 6;
  gatewayIp: string | null;
  dnsNameservers: string[];
  enableDhcp: boolean;
  /** What Neutron gives out by itself, both ends included. */
  allocationPools: { start: string; end: string }[];
  /** How servers come by their IPv6 addresses in it, in Neutron's words; null: not by Neutron, or it is IPv4. */
  ipv6AddressMode: string | null;
  tags: string[];
}

export interface CloudNetwork {
  id: string;
  name: string;
  description: string;
  projectId: string;
  status: string;
  /** False: somebody has shut it down. */
  adminStateUp: boolean;
  external: boolean;
  shared: boolean;
  mtu: number | null;
  /** False: its ports can have no security groups. */
  portSecurity: boolean;
  subnetIds: string[];
  tags: string[];
}

/** A network with the subnets that the project may see. */
export interface CatalogueNetwork extends CloudNetwork {
  subnets: CloudSubnet[];
}

export interface CloudKeypair {
  name: string;
  type: string;
  fingerprint: string;
  publicKey: string | null;
}

export interface CloudAvailabilityZone {
  name: string;
  available: boolean;
}

/** Without its rules. */
export interface CloudSecurityGroup {
  id: string;
  name: string;
  description: string;
}

export interface CloudVolumeType {
  id: string;
  name: string;
  description: string;
  isPublic: boolean;
}

export interface ProjectCatalogue {
  /** Milliseconds since the epoch. */
  loadedAt: number;
  flavors: CloudFlavor[];
  images: CloudImage[];
  networks: CatalogueNetwork[];
  /** The caller's own: Nova keeps key pairs per user, not per project. */
  keypairs: CloudKeypair[];
  availabilityZones: CloudAvailabilityZone[];
  securityGroups: CloudSecurityGroup[];
  /** Empty where the cloud has no block storage. */
  volumeTypes: CloudVolumeType[];
  /** Empty where they cannot be read. */
  quotas: ResourceQuota[];
}

/** The entry with this id or name. An id wins; a name that several carry is nobody's (undefined), see `namesakes`. */
export const findByNameOrId = <T extends { id: string; name: string }>(items: readonly T[], nameOrId: string): T | undefined => {
  const byId = items.find((item) => item.id === nameOrId);
  if (byId !== undefined) return byId;
  const byName = namesakes(items, nameOrId);
  return byName.length === 1 ? byName[0] : undefined;
};

/** All entries that carry the name, so that an error can say that an id is needed. */
export const namesakes = <T extends { name: string }>(items: readonly T[], name: string): T[] => items.filter((item) => item.name === name);

/**
 * Why a subnet gives workers no IPv6 address that they can use, as the end of a sentence; null: it does. Who announces the prefix is not asked: in a
 * provider's network it is a router that Neutron does not know.
 */
export const faultOfSubnetV6 = ({ ipv6AddressMode, gatewayIp }: Pick<CloudSubnet, 'ipv6AddressMode' | 'gatewayIp'>): string | null => {
  if (ipv6AddressMode === null)
    return 'tells servers no IPv6 addresses: make one with an ipv6_address_mode (slaac, dhcpv6-stateless or dhcpv6-stateful), or name another';
  return gatewayIp === null ? 'has no gateway, so that nothing leaves it: make one with a gateway, or name another' : null;
};
