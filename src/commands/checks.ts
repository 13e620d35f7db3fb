/** Checks on a whole spec that need no cloud: version, ranges, sizes, and fields that need each other. */

import { may } from '../domain/actor.ts';
import { checkAddons } from '../domain/addons.ts';
import { STORE_SETTINGS } from '../domain/backup.ts';
import {
  cidrContains,
  cidrSize,
  formatCidr,
  nodePrefixOf,
  PRIVATE_CIDRS,
  parseCidr,
  parseIpv4,
  parsePodCidr,
  parseServiceCidr,
  refuseOverlaps,
} from '../domain/cidr.ts';
import { formatCidrV6, nodePrefixOfV6, parseNodeCidrV6, parsePodCidrV6, parseServiceCidrV6, refuseOverlapsV6 } from '../domain/cidrV6.ts';
import { UserError } from '../domain/errors.ts';
import { checkIssuers } from '../domain/issuer.ts';
import { checkKeystoneRoles } from '../domain/keystoneRole.ts';
import { overlapOf } from '../domain/placement.ts';
import { ACTIONS } from '../domain/policy.ts';
import { isDualStack, type SpecPath, type TemplateSpec } from '../domain/template.ts';
import { getOfferedRelease } from '../domain/version.ts';
import type { SeedRanges } from '../store/seeds.ts';
import type { Call, CommandDeps } from './call.ts';
import { checkControlPlane } from './controlPlaneInput.ts';

export type PathOf = (field: SpecPath) => string[];

/** Loopback, link-local (with the clouds' metadata address), multicast and what no host may have. */
const RESERVED = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'];
/** The network's and broadcast addresses, the gateway, and ports for DHCP and a load balancer. */
const ADDRESSES_BESIDE_NODES = 8;

/**
 * The spec with its ranges in canonical form. `isGiven`: the caller gave the field, so of two that clash it is to blame.
 * @throws UserError UNSUPPORTED_VERSION, OVERLAPPING_CIDR or INVALID_INPUT naming the field.
 */
export const checkSpec = (spec: TemplateSpec, pathOf: PathOf, isGiven: (field: SpecPath) => boolean = () => false): TemplateSpec => {
  checkAddons(spec, getOfferedRelease(spec.kubernetesVersion, pathOf('kubernetesVersion')), isGiven, pathOf);
  const pods = parsePodCidr(spec.podCidr, pathOf('podCidr'));
  if (spec.networkDriver === 'CALICO' && spec.addons.calico.blockSize < pods.prefix)
    throw invalid(
      `The range for pods ${spec.podCidr} holds no block of /${spec.addons.calico.blockSize}; give a wider range, or smaller blocks.`,
      isGiven('podCidr') ? pathOf('podCidr') : pathOf('addons.calico.blockSize'),
    );
  const services = parseServiceCidr(spec.serviceCidr, pathOf('serviceCidr'));
  const nodes = parseCidr(spec.nodeCidr, pathOf('nodeCidr'));
  if (nodes.prefix < 8 || nodes.prefix > 28) throw invalid('The range for nodes must be between /8 and /28.', pathOf('nodeCidr'));
  const checked = { ...spec, podCidr: formatCidr(pods), serviceCidr: formatCidr(services), nodeCidr: formatCidr(nodes) };
  const ranges = [
    { name: 'the range for pods', cidr: checked.podCidr, of: 'podCidr' as const },
    { name: 'the range for services', cidr: checked.serviceCidr, of: 'serviceCidr' as const },
    // A given network brings its own range.
    ...(spec.fixedNetwork === null ? [{ name: 'the range for nodes', cidr: checked.nodeCidr, of: 'nodeCidr' as const }] : []),
  ].sort((x, y) => Number(isGiven(x.of)) - Number(isGiven(y.of)));
  refuseOverlaps([
    ...RESERVED.map((cidr) => ({ name: 'the reserved range', cidr, field: [] })),
    ...ranges.map(({ name, cidr, of }) => ({ name, cidr, field: pathOf(of) })),
  ]);
  const checkedV6 = checkIpv6(checked, pathOf, isGiven);
  if (spec.fixedSubnet !== null && spec.fixedNetwork === null)
    throw invalid('A fixed subnet needs its network: give fixedNetwork too.', pathOf('fixedSubnet'));
  if (spec.networkMtu !== null && spec.fixedNetwork !== null)
    throw invalid('A network that is given has an MTU of its own; leave networkMtu out.', pathOf('networkMtu'));
  checkKeystoneRoles(spec.controlPlane.keystoneRoles, pathOf('controlPlane.keystoneRoles'));
  checkIssuers(spec.controlPlane.issuers, spec.dnsDomain, pathOf('controlPlane.issuers'));
  if (spec.minNodeCount !== null && spec.maxNodeCount !== null && spec.minNodeCount > spec.maxNodeCount)
    throw invalid('minNodeCount must not be more than maxNodeCount.', pathOf('minNodeCount'));
  checkControlPlane(spec, pathOf, isGiven);
  return checkedV6;
};

const RESERVED_V6 = ['::/8', 'fe80::/10', 'ff00::/8'];
/** What says something of IPv6, and nothing where there is none. */
const OF_IPV6 = ['podCidrV6', 'serviceCidrV6', 'nodeCidrV6', 'fixedSubnetV6'] as const;

/** The seed plays no part in this: the API's address is IPv4, and so is the tunnel from the workers to it. */
const checkIpv6 = (spec: TemplateSpec, pathOf: PathOf, isGiven: (field: SpecPath) => boolean): TemplateSpec => {
  if (!isDualStack(spec)) {
    const vain = OF_IPV6.find((field) => isGiven(field) && spec[field] !== null);
    if (vain === undefined) return spec;
    throw invalid(`${vain} is for clusters with IPv6; give ipFamilies [IPV4, IPV6] too, or leave it out.`, pathOf(vain));
  }
  if (spec.fixedSubnetV6 !== null && spec.fixedNetwork === null)
    throw invalid('A fixed subnet needs its network: give fixedNetwork too.', pathOf('fixedSubnetV6'));
  const podCidrV6 = formatCidrV6(parsePodCidrV6(spec.podCidrV6, pathOf('podCidrV6')));
  const serviceCidrV6 = formatCidrV6(parseServiceCidrV6(spec.serviceCidrV6, pathOf('serviceCidrV6')));
  const nodeCidrV6 = spec.nodeCidrV6 === null ? null : formatCidrV6(parseNodeCidrV6(spec.nodeCidrV6, pathOf('nodeCidrV6')));
  const checked = { ...spec, podCidrV6, serviceCidrV6, nodeCidrV6 };
  // A given network brings its own range.
  checkRangesV6(checked, spec.fixedNetwork === null ? nodeCidrV6 : null, pathOf, isGiven);
  return checked;
};

/** `nodeCidr`: null while it is not known, or it is one that nobody else has. @throws UserError OVERLAPPING_CIDR. */
export const checkRangesV6 = (
  spec: Pick<TemplateSpec, 'podCidrV6' | 'serviceCidrV6'>,
  nodeCidr: string | null,
  pathOf: PathOf,
  isGiven: (field: SpecPath) => boolean = () => false,
): void => {
  const ranges = [
    { name: 'the IPv6 range for pods', cidr: spec.podCidrV6, of: 'podCidrV6' as const },
    { name: 'the IPv6 range for services', cidr: spec.serviceCidrV6, of: 'serviceCidrV6' as const },
    ...(nodeCidr === null ? [] : [{ name: 'the IPv6 range for nodes', cidr: nodeCidr, of: 'nodeCidrV6' as const }]),
  ].sort((x, y) => Number(isGiven(x.of)) - Number(isGiven(y.of)));
  refuseOverlapsV6([
    ...RESERVED_V6.map((cidr) => ({ name: 'the reserved range', cidr, field: [] })),
    ...ranges.map(({ name, cidr, of }) => ({ name, cidr, field: pathOf(of) })),
  ]);
};

/**
 * Without a tunnel the seed lets an API server into whatever ranges its cluster names, which may be the operator's own.
 * `before`: what it would be without the caller. @throws UserError FORBIDDEN.
 */
export const checkTunnel = (call: Call, spec: TemplateSpec, before: TemplateSpec | null, pathOf: PathOf): void => {
  if (spec.controlPlane.tunnel !== 'NONE' || may(call.actor, 'skipTunnel')) return;
  if (before?.controlPlane.tunnel !== 'NONE')
    throw new UserError(
      'FORBIDDEN',
      `The policy does not allow you to do without the tunnel (${ACTIONS.skipTunnel.rule}), for API servers then reach into networks from the seed; leave it out, or ask for a template that has it.`,
      { field: pathOf('controlPlane.tunnel') },
    );
  const other = REACHED.find((path) => spec[path] !== before[path]);
  if (other !== undefined)
    throw new UserError(
      'FORBIDDEN',
      `Without a tunnel API servers reach into the networks that the template names, and the policy allows you those alone (${ACTIONS.skipTunnel.rule}); leave this out, or ask a cloud administrator.`,
      { field: pathOf(other) },
    );
};

/** `before`: what it would be without the caller. @throws UserError INVALID_INPUT where nobody could keep an API to some addresses. */
export const checkAllowedCidrs = ({ settings }: CommandDeps, spec: TemplateSpec, before: TemplateSpec, pathOf: PathOf): void => {
  const { allowedCidrs } = spec.controlPlane;
  if (settings.knowsItsAddresses || allowedCidrs.length === 0 || before.controlPlane.allowedCidrs.length > 0) return;
  throw new UserError(
    'INVALID_INPUT',
    'Clusters here cannot have allowedCidrs yet, for Seedbed would shut itself out: the cloud administrator has to set SEEDBED_SOURCE_CIDRS. Leave it out until then.',
    { field: pathOf('controlPlane.allowedCidrs'), whoMustAct: 'CLOUD_ADMIN' },
  );
};

/**
 * What API servers call has to be where they are let to; where a name leads is not known before. `before`: what it would be without the
 * caller. @throws UserError INVALID_INPUT for a private address that the operator has not opened: nothing would ever come there.
 */
export const checkEgress = (
  { settings }: Pick<CommandDeps, 'settings'>,
  { controlPlane: { audit, issuers } }: TemplateSpec,
  before: TemplateSpec | null,
  pathOf: PathOf,
): void => {
  const known = before === null ? [] : [before.controlPlane.audit.webhook?.url, ...before.controlPlane.issuers.map(({ url }) => url)];
  const called = [
    ...(audit.webhook === null ? [] : [{ url: audit.webhook.url, field: pathOf('controlPlane.audit.webhook.url') }]),
    ...issuers.map(({ url }, i) => ({ url, field: itemOf(pathOf('controlPlane.issuers'), i) })),
  ];
  const isIn = (ranges: readonly string[], address: number) => ranges.some((range) => cidrContains(parseCidr(range, []), address));
  for (const { url, field } of called) {
    const { hostname } = new URL(url);
    const address = parseIpv4(hostname);
    if (known.includes(url) || address === undefined || !isIn(PRIVATE_CIDRS, address) || isIn(settings.egressCidrs, address)) continue;
    const message = `API servers here are not let to the private address ${hostname}; give a public one, or ask the cloud administrator to open it by SEEDBED_EGRESS_CIDRS.`;
    throw new UserError('INVALID_INPUT', message, { field });
  }
};

/** A label and a template stand for all issuers that they bring. */
const itemOf = (issuers: string[], i: number): string[] => (issuers.at(-1) === 'issuers' ? [...issuers, String(i), 'url'] : issuers);

/** `before`: it had them without the caller. @throws UserError SEED_REFUSED where there is nowhere to put a backup. */
export const checkBackup = ({ settings }: CommandDeps, spec: TemplateSpec, before: boolean, pathOf: PathOf): void => {
  if (settings.backupsAreKept || before || !spec.backup.enabled) return;
  throw new UserError(
    'SEED_REFUSED',
    `Backups are not kept here: no object store is set up for them. Set backup.enabled to false, or ask the operator of Seedbed to set ${STORE_SETTINGS}.`,
    { field: pathOf('backup.enabled'), whoMustAct: 'CLOUD_ADMIN' },
  );
};

/** What says where nodes, pods and Services are. */
const REACHED = ['nodeCidr', 'podCidr', 'serviceCidr', 'fixedNetwork', 'fixedSubnet'] as const;

/** @throws UserError INVALID_INPUT when a range cannot hold this many nodes. */
export const checkRoom = (spec: TemplateSpec, nodeCount: number, pathOf: PathOf): void => {
  const pods = parsePodCidr(spec.podCidr, pathOf('podCidr'));
  const shares = 2 ** (nodePrefixOf(pods) - pods.prefix);
  if (nodeCount > shares)
    throw invalid(
      `The range for pods ${spec.podCidr} holds ${shares} nodes, and ${nodeCount} are asked for; give a wider range.`,
      pathOf('podCidr'),
    );
  if (isDualStack(spec)) checkRoomV6(spec, nodeCount, pathOf);
  const room = cidrSize(parseCidr(spec.nodeCidr, pathOf('nodeCidr'))) - ADDRESSES_BESIDE_NODES;
  if (spec.fixedNetwork === null && nodeCount > room)
    throw invalid(
      `The range for nodes ${spec.nodeCidr} holds ${room} nodes, and ${nodeCount} are asked for; give a wider range.`,
      pathOf('nodeCidr'),
    );
};

/** Of workers a /64 holds more than anybody has. */
const checkRoomV6 = ({ podCidrV6 }: TemplateSpec, nodeCount: number, pathOf: PathOf): void => {
  const pods = parsePodCidrV6(podCidrV6, pathOf('podCidrV6'));
  const shares = 2 ** (nodePrefixOfV6(pods) - pods.prefix);
  if (nodeCount > shares)
    throw invalid(
      `The IPv6 range for pods ${podCidrV6} holds ${shares} nodes, and ${nodeCount} are asked for; give a wider range.`,
      pathOf('podCidrV6'),
    );
};

/**
 * Refuses ranges that no seed could host. With no seed to choose from nothing is refused: the cluster waits for one.
 * Seeds are not named: which there are is not a customer's business.
 * @param nodeCidr the real one, when a given subnet's is known; null: not known yet.
 * @throws UserError OVERLAPPING_CIDR.
 */
export const checkSeedRanges = (
  spec: Pick<TemplateSpec, 'podCidr' | 'serviceCidr'>,
  nodeCidr: string | null,
  candidates: readonly SeedRanges[],
  pathOf: PathOf,
): void => {
  const wanted = [spec.podCidr, spec.serviceCidr, ...(nodeCidr === null ? [] : [nodeCidr])];
  const overlaps = candidates.filter(isSchedulable).map((seed) => overlapOf(seed, wanted));
  const [first] = overlaps;
  if (first === undefined || first === null || overlaps.includes(null)) return;
  const field = first.wanted === spec.podCidr ? 'podCidr' : first.wanted === spec.serviceCidr ? 'serviceCidr' : 'nodeCidr';
  throw new UserError(
    'OVERLAPPING_CIDR',
    `${first.wanted} overlaps ${first.taken}, which the clusters that host control planes use themselves; choose another range.`,
    { field: pathOf(field) },
  );
};

/**
 * Refuses a floating IP for the API where no seed could give one: a cluster that waits for its seed cannot take this wish back, as it can
 * with allowedCidrs. With no seed to choose from nothing is refused. @throws UserError INVALID_INPUT.
 */
export const checkSeedExposure = (
  spec: Pick<TemplateSpec, 'masterLbFloatingIpEnabled'>,
  candidates: readonly SeedRanges[],
  pathOf: PathOf,
): void => {
  const schedulable = candidates.filter(isSchedulable);
  if (!spec.masterLbFloatingIpEnabled || schedulable.length === 0 || schedulable.some((seed) => seed.exposure !== 'NODE_PORT')) return;
  throw invalid(
    'APIs are shown here on ports of the machines that host them, which get no floating IP; say masterLbFloatingIpEnabled: false.',
    pathOf('masterLbFloatingIpEnabled'),
  );
};

const isSchedulable = (seed: SeedRanges): boolean => !seed.cordoned && seed.state !== 'UNREGISTERING';

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
