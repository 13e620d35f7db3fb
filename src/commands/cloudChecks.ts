/** Checks names against what is known of the project's cloud; what is not known yet is checked by the reconciler. */
import {
  type CatalogueNetwork,
  type CloudImage,
  type CloudSubnet,
  faultOfSubnetV6,
  findByNameOrId,
  namesakes,
  type ProjectCatalogue,
} from '../domain/cloud.ts';
import { UserError } from '../domain/errors.ts';
import type { NodeGroupSpec } from '../domain/nodeGroup.ts';
import { checkAddresses, checkSubnetRanges, chooseSubnets } from '../domain/subnet.ts';
import { isDualStack, needsExternalNetwork, sayExternalNetwork, type TemplateSpec } from '../domain/template.ts';
import { mayJoin } from '../domain/version.ts';
import type { PathOf } from './checks.ts';

const SHOWN = 10;

interface Named {
  id: string;
  name: string;
}

/** @throws UserError INVALID_INPUT that says what there is to choose from, at most ten names. */
const known = <T extends Named>(what: string, items: readonly T[], nameOrId: string, field: string[]): T => {
  const found = findByNameOrId(items, nameOrId);
  if (found !== undefined) return found;
  const shown = JSON.stringify(nameOrId.slice(0, 80));
  if (namesakes(items, nameOrId).length > 1) throw invalid(`Several ${what}s are named ${shown}; give the id of the one you mean.`, field);
  throw invalid(`${capital(what)} ${shown} is not there for your project. ${offer(items.map((item) => item.name))}`, field);
};

const knownName = (what: string, names: readonly string[], name: string, field: string[]): void => {
  if (!names.includes(name))
    throw invalid(`${capital(what)} ${JSON.stringify(name.slice(0, 80))} is not there for your project. ${offer(names)}`, field);
};

const offer = (names: readonly string[]): string => {
  const first = [...new Set(names)].slice(0, SHOWN);
  const more = new Set(names).size - first.length;
  const list = first.length === 0 ? 'There is none.' : `Choose one of ${first.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
  return `${list} ${MAYBE_LATER}`;
};

const MAYBE_LATER = 'What was made less than a minute ago may not be known yet: try again then.';

/** Of a network that is given. `v6`: null where the cluster has IPv4 alone. */
export interface GivenSubnets {
  v4: CloudSubnet;
  v6: CloudSubnet | null;
}

/**
 * The networks of a spec. Returns the given subnets, when the catalogue decides them.
 * @param floatingIps some workers get floating IPs.
 */
export const checkNetworks = (
  spec: TemplateSpec,
  floatingIps: boolean,
  catalogue: ProjectCatalogue,
  pathOf: PathOf,
): GivenSubnets | null => {
  const external = catalogue.networks.filter((network) => network.external);
  if (spec.externalNetwork !== null) known('external network', external, spec.externalNetwork, pathOf('externalNetwork'));
  else if (needsExternalNetwork(spec, floatingIps) && external.length !== 1)
    throw invalid(sayExternalNetwork(external.map(({ name }) => name)), pathOf('externalNetwork'));
  if (spec.fixedNetwork === null) return null;
  const inner = catalogue.networks.filter((network) => !network.external);
  const network = known('network', inner, spec.fixedNetwork, pathOf('fixedNetwork'));
  return { v4: subnetOf(network, spec, pathOf), v6: isDualStack(spec) ? subnetV6Of(network, spec, pathOf) : null };
};

const subnetOf = (network: CatalogueNetwork, spec: TemplateSpec, pathOf: PathOf): CloudSubnet => {
  const ipv4 = network.subnets.filter((subnet) => subnet.ipVersion === 4);
  if (spec.fixedSubnet !== null) return known('IPv4 subnet of that network', ipv4, spec.fixedSubnet, pathOf('fixedSubnet'));
  const [only, second] = ipv4;
  if (only === undefined) throw invalid(`Network ${network.name} has no IPv4 subnet.`, pathOf('fixedNetwork'));
  if (second !== undefined)
    throw invalid(`Network ${network.name} has several IPv4 subnets; name one with fixedSubnet.`, pathOf('fixedSubnet'));
  return only;
};

/** Fields of a group that name what is in the cloud; the last four come from nowhere else. */
export type GroupField = 'flavor' | 'image' | 'keypair' | 'availabilityZones' | 'rootVolume' | PortField;
export type PortField = 'additionalNetworks' | 'securityGroups' | 'subnets' | 'additionalPorts';

export const isPortField = (field: GroupField): field is PortField =>
  field === 'additionalNetworks' || field === 'securityGroups' || field === 'subnets' || field === 'additionalPorts';

/** The IPv6 subnet of a given network, beside the one of IPv4. */
const subnetV6Of = (network: CatalogueNetwork, { fixedSubnetV6 }: TemplateSpec, pathOf: PathOf): CloudSubnet => {
  const ipv6 = network.subnets.filter((subnet) => subnet.ipVersion === 6);
  const [only, second] = ipv6;
  if (only === undefined)
    throw invalid(`Network ${network.name} has no IPv6 subnet; add one to it, or leave IPV6 out of ipFamilies.`, pathOf('ipFamilies'));
  if (fixedSubnetV6 === null && second !== undefined)
    throw invalid(`Network ${network.name} has several IPv6 subnets; name one with fixedSubnetV6.`, pathOf('fixedSubnetV6'));
  const subnet = fixedSubnetV6 === null ? only : known('IPv6 subnet of that network', ipv6, fixedSubnetV6, pathOf('fixedSubnetV6'));
  const fault = faultOfSubnetV6(subnet);
  if (fault !== null) throw invalid(`IPv6 subnet ${subnet.name || subnet.id} ${fault}.`, pathOf('fixedSubnetV6'));
  return subnet;
};

/** `pathOf` gives the path of a group's field, or of where it was taken over from. */
export const checkGroup = (
  spec: NodeGroupSpec,
  cluster: TemplateSpec,
  catalogue: ProjectCatalogue,
  pathOf: (field: GroupField) => string[],
): void => {
  const flavor = known('flavor', catalogue.flavors, spec.flavor, pathOf('flavor'));
  const image = known('image', catalogue.images, spec.image, pathOf('image'));
  if (image.status !== 'active')
    throw invalid(`Image ${image.name} is ${image.status}, and a server starts only from an active one.`, pathOf('image'));
  checkKubelet(image, cluster, pathOf('image'));
  // Nova's 0 means "as large as the image", which leaves a worker no room for its containers' images.
  if (flavor.diskGiB === 0 && spec.rootVolume === null)
    throw invalid(`Flavor ${flavor.name} has no disk of its own; give a root volume.`, pathOf('rootVolume'));
  if (spec.rootVolume === null ? flavor.diskGiB < image.minDiskGiB : spec.rootVolume.sizeGiB < image.minDiskGiB)
    throw invalid(
      `Image ${image.name} needs a disk of ${image.minDiskGiB} GiB; choose a larger flavor or root volume.`,
      pathOf(spec.rootVolume === null ? 'flavor' : 'rootVolume'),
    );
  if (flavor.ramMiB < image.minRamMiB)
    throw invalid(`Image ${image.name} needs ${image.minRamMiB} MiB of memory; choose a larger flavor.`, pathOf('flavor'));
  if (spec.keypair !== null)
    knownName(
      'keypair',
      catalogue.keypairs.map((key) => key.name),
      spec.keypair,
      pathOf('keypair'),
    );
  const zones = catalogue.availabilityZones.filter((zone) => zone.available).map((zone) => zone.name);
  for (const zone of spec.availabilityZones) knownName('availability zone', zones, zone, pathOf('availabilityZones'));
  if (spec.rootVolume !== null && spec.rootVolume.type !== null)
    known('volume type', catalogue.volumeTypes, spec.rootVolume.type, pathOf('rootVolume'));
  checkPorts(spec, cluster, catalogue, pathOf);
};

/** Of an image that says which Kubernetes it was made for; others are taken at their word. */
const checkKubelet = ({ name, kubeVersion }: CloudImage, { kubernetesVersion }: TemplateSpec, field: string[]): void => {
  if (mayJoin(kubeVersion ?? '', kubernetesVersion)) return;
  throw invalid(
    `Image ${name} has a kubelet of ${kubeVersion} (kube_version), which may be at most three minor releases older than the cluster's ${kubernetesVersion} and no newer; choose another image or version.`,
    field,
  );
};

const checkPorts = (
  spec: NodeGroupSpec,
  cluster: TemplateSpec,
  catalogue: ProjectCatalogue,
  pathOf: (field: PortField) => string[],
): void => {
  const inner = catalogue.networks.filter((network) => !network.external);
  const networks = spec.additionalNetworks.map((name) => known('network', inner, name, pathOf('additionalNetworks')));
  for (const { name, subnets } of networks)
    if (subnets.length === 0)
      throw invalid(`Network ${name} has no subnet, so a server can have no address in it.`, pathOf('additionalNetworks'));
  refuseTwice('network', networks, pathOf('additionalNetworks'));
  const groups = spec.securityGroups.map((name) => known('security group', catalogue.securityGroups, name, pathOf('securityGroups')));
  refuseTwice('security group', groups, pathOf('securityGroups'));
  const all = inner.flatMap(({ subnets }) => subnets);
  const own = cluster.fixedNetwork === null ? undefined : findByNameOrId(inner, cluster.fixedNetwork);
  if (own !== undefined && spec.subnets.length > 0) {
    const field = pathOf('subnets');
    const chosen = chooseSubnets({ network: own, wanted: spec.subnets, all, family: 4, field, hint: MAYBE_LATER });
    checkSubnetRanges(chosen, cluster, field);
    for (const subnet of chosen) checkAddresses(subnet, [], spec.count, field);
  }
  for (const [i, port] of spec.additionalPorts.entries()) {
    const base = [...pathOf('additionalPorts'), String(i)];
    const network = known('network', inner, port.network, [...base, 'network']);
    if (network.subnets.length === 0)
      throw invalid(`Network ${network.name} has no subnet, so a server can have no address in it.`, [...base, 'network']);
    const field = [...base, 'subnets'];
    const chosen = chooseSubnets({ network, wanted: port.subnets, all, family: null, field, hint: MAYBE_LATER });
    for (const subnet of chosen) checkAddresses(subnet, [], spec.count, field);
    const wanted = (port.securityGroups ?? []).map((name) =>
      known('security group', catalogue.securityGroups, name, [...base, 'securityGroups']),
    );
    refuseTwice('security group', wanted, [...base, 'securityGroups']);
    if (!network.portSecurity && wanted.length > 0)
      throw invalid(`Network ${network.name} has no port security, so its ports can have no security groups; leave them out.`, [
        ...base,
        'securityGroups',
      ]);
  }
};

const refuseTwice = (what: string, things: readonly Named[], field: string[]): void => {
  const twice = things.find(({ id }, i) => things.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) throw invalid(`${capital(what)} ${twice.name} is named twice, by name and by id; leave one out.`, field);
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
