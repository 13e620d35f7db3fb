/** What createSeed is asked, as a schema: the machines of a seed, and what they run. */
import { z } from 'zod';
import { addonInfo } from '../domain/addons.ts';
import { cidrSize, isIpv4, parseCidr, parsePodCidr, parseServiceCidr, refuseOverlaps } from '../domain/cidr.ts';
import { UserError } from '../domain/errors.ts';
import {
  controlPlaneMachinesOf,
  DEFAULT_SEED_RANGES,
  MAX_SEED_WORKERS,
  type MadeSeedSpec,
  SEED_NETWORK_DRIVERS,
} from '../domain/madeSeed.ts';
import { defaultRelease, getOfferedRelease } from '../domain/version.ts';
import { clearable, given, nameOrId, wholeNumber } from './parse.ts';
import { seedFields } from './seedInput.ts';

export const workerCount = wholeNumber(0, MAX_SEED_WORKERS);

const { name, region, labels, maxClusters, weight } = seedFields.shape;

export const madeSeedFields = z.strictObject({
  name,
  region,
  labels,
  maxClusters,
  weight,
  image: nameOrId,
  flavor: nameOrId,
  workerFlavor: clearable(nameOrId),
  workers: given(workerCount),
  controlPlaneMachines: given(z.union([z.literal(1), z.literal(3)], 'must be 1 or 3')),
  keypair: clearable(nameOrId),
  availabilityZone: clearable(nameOrId),
  externalNetwork: nameOrId,
  dnsNameservers: given(
    z.array(z.string().refine(isIpv4, 'must be an IPv4 address such as 9.9.9.9')).max(5, 'must be at most 5 addresses'),
  ),
  kubernetesVersion: given(z.string().max(40)),
  networkDriver: given(z.enum(SEED_NETWORK_DRIVERS, 'must be FLANNEL or CALICO')),
  nodeCidr: given(z.string()),
  podCidr: given(z.string()),
  serviceCidr: given(z.string()),
});

export type MadeSeedInput = z.output<typeof madeSeedFields>;

export interface MadeSeedOrder {
  spec: MadeSeedSpec;
  podCidr: string;
  serviceCidr: string;
}

/** The router, DHCP and the network's own two take some of the range. */
const BESIDE_MACHINES = 7;

/** @throws UserError that names the field unless the range for machines holds so many. */
export const roomFor = (nodeCidr: string, made: Pick<MadeSeedSpec, 'workers' | 'controlPlaneMachines'>, field: string[]): void => {
  const range = parseCidr(nodeCidr, ['nodeCidr']);
  const machines = made.workers + controlPlaneMachinesOf(made);
  if (range.prefix >= 8 && cidrSize(range) >= machines + BESIDE_MACHINES) return;
  throw new UserError('INVALID_INPUT', `The range for machines ${nodeCidr} does not do for ${machines} machines.`, { field });
};

/** @throws UserError that names the field. */
export const completeMadeSeed = (input: MadeSeedInput): MadeSeedOrder => {
  const { nodeCidr, podCidr, serviceCidr } = { ...DEFAULT_SEED_RANGES, ...definedRanges(input) };
  const workers = input.workers ?? 1;
  const controlPlaneMachines = input.controlPlaneMachines ?? 1;
  parsePodCidr(podCidr, ['podCidr']);
  parseServiceCidr(serviceCidr, ['serviceCidr']);
  roomFor(nodeCidr, { workers, controlPlaneMachines }, ['nodeCidr']);
  refuseOverlaps([
    { name: 'the range for machines', cidr: nodeCidr, field: ['nodeCidr'] },
    { name: 'the range for pods', cidr: podCidr, field: ['podCidr'] },
    { name: 'the range for Services', cidr: serviceCidr, field: ['serviceCidr'] },
  ]);
  const release = getOfferedRelease(input.kubernetesVersion ?? defaultRelease.version);
  const networkDriver = input.networkDriver ?? 'FLANNEL';
  if (networkDriver === 'CALICO' && addonInfo('calico').version(release) === null)
    throw new UserError('UNSUPPORTED_VERSION', `Calico has no version for Kubernetes ${release.version}; choose FLANNEL.`, {
      field: ['networkDriver'],
    });
  return {
    podCidr,
    serviceCidr,
    spec: {
      image: input.image,
      flavor: input.flavor,
      workerFlavor: input.workerFlavor ?? input.flavor,
      workers,
      keypair: input.keypair ?? null,
      availabilityZone: input.availabilityZone ?? null,
      externalNetwork: input.externalNetwork,
      nodeCidr,
      dnsNameservers: input.dnsNameservers ?? [],
      kubernetesVersion: release.version,
      networkDriver,
      controlPlaneMachines,
    },
  };
};

const definedRanges = ({ nodeCidr, podCidr, serviceCidr }: MadeSeedInput): Partial<typeof DEFAULT_SEED_RANGES> => ({
  ...(nodeCidr !== undefined && { nodeCidr }),
  ...(podCidr !== undefined && { podCidr }),
  ...(serviceCidr !== undefined && { serviceCidr }),
});
