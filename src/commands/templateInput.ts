/** The fields of a template, as input: typed fields and Magnum's labels become one spec. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';
import { type LabelMeaning, readLabels } from '../domain/labels.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import type { TemplateSpec } from '../domain/template.ts';
import { defaultRelease } from '../domain/version.ts';
import { stableJson } from '../lib/json.ts';
import { clearable, definedOf, given, nameOrId, parseInput, smallMap, wholeNumber } from './parse.ts';

const MAX_ETCD_GIB = 64;

const nodeCount = wholeNumber(0, MAX_NODES_PER_GROUP);
const ipAddress = z.string().refine((text) => isIP(text) !== 0, 'must be an IP address such as 192.0.2.53');
const dnsDomain = z
  .string()
  .max(200, 'must have at most 200 characters')
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/, 'must be a DNS domain such as cluster.local');

export const rootVolumeInput = z
  .strictObject({ sizeGiB: wholeNumber(1, 16_384), type: nameOrId.nullish() })
  .transform(({ sizeGiB, type }) => ({ sizeGiB, type: type ?? null }));

export const specFields = z.strictObject({
  kubernetesVersion: given(
    z
      .string()
      .regex(/^v?\d{1,4}\.\d{1,4}\.\d{1,4}$/, 'must be a version such as v1.36.3')
      .transform((text) => text.replace(/^v?/, 'v')),
  ),
  image: given(nameOrId),
  keypair: clearable(nameOrId),
  externalNetwork: clearable(nameOrId),
  fixedNetwork: clearable(nameOrId),
  fixedSubnet: clearable(nameOrId),
  dnsNameservers: given(z.array(ipAddress).max(5, 'must be at most 5 addresses')),
  flavor: given(nameOrId),
  masterFlavor: clearable(nameOrId),
  networkDriver: given(z.enum(['FLANNEL', 'CALICO', 'CILIUM', 'NONE'], 'must be FLANNEL, CALICO, CILIUM or NONE')),
  volumeDriver: given(z.enum(['CINDER', 'NONE'], 'must be CINDER or NONE')),
  dockerStorageDriver: clearable(nameOrId),
  floatingIpEnabled: given(z.boolean()),
  masterLbFloatingIpEnabled: given(z.boolean()),
  controlPlaneReplicas: given(z.literal([1, 3], 'must be 1 or 3')),
  etcdVolumeSizeGiB: given(wholeNumber(1, MAX_ETCD_GIB)),
  rootVolume: clearable(rootVolumeInput),
  availabilityZone: clearable(nameOrId),
  minNodeCount: clearable(nodeCount),
  maxNodeCount: clearable(nodeCount),
  podCidr: given(z.string()),
  serviceCidr: given(z.string()),
  nodeCidr: given(z.string()),
  dnsDomain: given(dnsDomain),
  keystoneAuthEnabled: given(z.boolean()),
  dashboardEnabled: given(z.boolean()),
  nodeProblemDetectorEnabled: given(z.boolean()),
  autoHealingEnabled: given(z.boolean()),
  autoScalingEnabled: given(z.boolean()),
  seedSelector: given(smallMap(20)),
});

export const labelsInput = given(z.record(z.string(), z.string()));

export type SpecInput = Partial<Omit<TemplateSpec, 'ignoredLabels'>>;

/**
 * What a template says when nobody says otherwise. Ranges lie outside 10.96.0.0/12 and 10.244.0.0/16, which most seeds use for
 * themselves; what is not served yet is off.
 */
const DEFAULTS: Omit<TemplateSpec, 'image' | 'flavor'> = {
  kubernetesVersion: defaultRelease.version,
  keypair: null,
  externalNetwork: null,
  fixedNetwork: null,
  fixedSubnet: null,
  dnsNameservers: [],
  masterFlavor: null,
  networkDriver: 'FLANNEL',
  volumeDriver: 'NONE',
  dockerStorageDriver: null,
  floatingIpEnabled: false,
  masterLbFloatingIpEnabled: false,
  controlPlaneReplicas: 1,
  etcdVolumeSizeGiB: 5,
  rootVolume: null,
  availabilityZone: null,
  minNodeCount: null,
  maxNodeCount: null,
  podCidr: '10.200.0.0/16',
  serviceCidr: '10.254.0.0/16',
  nodeCidr: '10.0.0.0/24',
  dnsDomain: 'cluster.local',
  keystoneAuthEnabled: false,
  dashboardEnabled: false,
  nodeProblemDetectorEnabled: false,
  autoHealingEnabled: false,
  autoScalingEnabled: false,
  ignoredLabels: {},
  seedSelector: {},
};

export interface ReadSpec {
  /** What the caller asked for, labels included: what differs from the template. */
  fields: SpecInput;
  ignoredLabels: Record<string, string> | null;
  /** Where the caller gave a field: its own path, or its label's. */
  pathOf(field: keyof TemplateSpec): string[] | undefined;
}

/**
 * Reads typed fields (`base`: their path) and labels into one. `networkDriver`: the one in effect when the fields name none.
 * @throws UserError INVALID_INPUT, also when a field and a label disagree; UNKNOWN_LABEL.
 */
export const readSpec = (
  typed: Partial<z.output<typeof specFields>>,
  labels: Record<string, string> | undefined,
  networkDriver: TemplateSpec['networkDriver'] | undefined,
  base: readonly string[],
): ReadSpec => {
  const own: SpecInput = definedOf(typed);
  if (labels === undefined) {
    return { fields: own, ignoredLabels: null, pathOf: (field) => (Object.hasOwn(own, field) ? [...base, field] : undefined) };
  }
  const meaning = readLabels(labels, own.networkDriver ?? networkDriver ?? DEFAULTS.networkDriver);
  refuseDisagreement(own, meaning, base);
  return {
    fields: { ...definedOf(parseLabelled(meaning)), ...own },
    ignoredLabels: meaning.ignored,
    pathOf: (field) => (Object.hasOwn(own, field) ? [...base, field] : labelPath(meaning, field)),
  };
};

/** Labels' values keep the same rules as the fields they stand for, and the blame goes to the label. */
const parseLabelled = (meaning: LabelMeaning): z.output<typeof specFields> => {
  try {
    return parseInput(specFields, meaning.fields);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const path = labelPath(meaning, error.detail.field?.[0] ?? '') ?? ['labels'];
    throw new UserError(error.code, error.message.replace(/^[^:]*/, path.join('.')), { field: path });
  }
};

const labelPath = (meaning: LabelMeaning, field: string): string[] | undefined => {
  const origin = Object.hasOwn(meaning.origins, field) ? meaning.origins[field as keyof LabelMeaning['origins']] : undefined;
  return origin === undefined ? undefined : ['labels', origin];
};

const refuseDisagreement = (own: SpecInput, meaning: LabelMeaning, base: readonly string[]): void => {
  for (const [field, value] of Object.entries(meaning.fields)) {
    const typed: unknown = own[field as keyof SpecInput];
    if (typed === undefined || stableJson(typed) === stableJson(value)) continue;
    const path = labelPath(meaning, field) ?? ['labels'];
    throw new UserError(
      'INVALID_INPUT',
      `${path.join('.')} and ${[...base, field].join('.')} say different things; leave one of them out.`,
      { field: path },
    );
  }
};

/** A template's whole spec. @throws UserError INVALID_INPUT when image or flavor is missing. */
export const completeSpec = (read: ReadSpec): TemplateSpec => {
  const { image, flavor } = read.fields;
  if (image === undefined) throw missing('image', 'Name the image that workers start from.');
  if (flavor === undefined) throw missing('flavor', 'Name the flavor that workers have.');
  return { ...DEFAULTS, ...read.fields, image, flavor, ignoredLabels: read.ignoredLabels ?? {} };
};

const missing = (field: string, message: string): UserError => new UserError('INVALID_INPUT', message, { field: [field] });
