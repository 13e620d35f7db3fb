/** What a cluster's parts take of the project's quotas, by the names that the quotas have. */
import { isWanted } from './addons.ts';
import type { CloudFlavor } from './cloud.ts';
import { furtherPortsOf, type NodeGroupSpec } from './nodeGroup.ts';
import { type Demand, sumOf } from './quota.ts';
import { isDualStack, type TemplateSpec } from './template.ts';

export type Size = Pick<CloudFlavor, 'vcpus' | 'ramMiB'>;

/** `size`: null when the flavor is not known. */
export const workersDemand = (
  spec: Pick<NodeGroupSpec, 'rootVolume' | 'floatingIpEnabled' | 'additionalNetworks' | 'additionalPorts'>,
  size: Size | null,
  count: number,
): Demand => {
  const { rootVolume, floatingIpEnabled } = spec;
  const gigabytes = count * (rootVolume?.sizeGiB ?? 0);
  return {
    instances: count,
    port: count * (1 + furtherPortsOf(spec)),
    ...(size && { cores: count * size.vcpus, ram: count * size.ramMiB }),
    ...(rootVolume && { volumes: count, gigabytes }),
    ...(rootVolume?.type && { [`volumes_${rootVolume.type}`]: count, [`gigabytes_${rootVolume.type}`]: gigabytes }),
    ...(floatingIpEnabled && { floatingip: count }),
  };
};

/** A new group with all its workers. */
export const groupDemand = (spec: NodeGroupSpec, size: Size | null): Demand =>
  sumOf([
    workersDemand(spec, size, spec.count),
    membersDemand(spec, spec.count),
    ...(spec.serverGroupPolicy === 'NONE' ? [] : [{ server_groups: 1 }]),
  ]);

/** `count`: all that are to be in the server group, those that are there included, for Nova tells nobody how many are. */
export const membersDemand = ({ serverGroupPolicy }: Pick<NodeGroupSpec, 'serverGroupPolicy'>, count: number): Demand =>
  serverGroupPolicy === 'NONE' ? {} : { server_group_members: count };

/** Two rules come with a security group, four are ours; those for the seed's nodes are known only when there is a seed. */
const SECURITY_GROUP: Demand = { security_group: 1, security_group_rule: 6 };
/** Ours once more for IPv6. */
const RULES_V6: Demand = { security_group_rule: 4 };
/** The ports are the router's, and the one of DHCP. */
const OWN_NETWORK: Demand = { network: 1, subnet: 1, router: 1, port: 2 };
/** The port is the router's. */
const OWN_SUBNET_V6: Demand = { subnet: 1, port: 1 };

/** Of the ingress controller's Service: with its address outside, its port in the network, and the security group before it. */
export const LOAD_BALANCER: Demand = { loadbalancer: 1, floatingip: 1, port: 1, security_group: 1 };

/** Its ingress controller has a load balancer of the cloud. */
export const isBalanced = (spec: Pick<TemplateSpec, 'addons' | 'networkDriver' | 'volumeDriver'>): boolean =>
  isWanted('ingressController', spec) && spec.addons.ingressController.serviceType === 'LOAD_BALANCER';

export type ClusterWish = Pick<TemplateSpec, 'fixedNetwork' | 'ipFamilies' | 'addons' | 'volumeDriver' | 'networkDriver'>;

/** Beside its groups. Load balancers of customers' own Services are known only once they ask for them. */
export const clusterDemands = (spec: ClusterWish): Demand[] => {
  const own = spec.fixedNetwork === null;
  return [
    SECURITY_GROUP,
    ...(isDualStack(spec) ? [RULES_V6] : []),
    ...(own ? [OWN_NETWORK] : []),
    ...(own && isDualStack(spec) ? [OWN_SUBNET_V6] : []),
    ...(isBalanced(spec) ? [LOAD_BALANCER] : []),
  ];
};
