/** The fields of a template, as input: typed fields and Magnum's labels become one spec. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';
import { type LabelMeaning, readLabels } from '../domain/labels.ts';
import { MAX_NODES_PER_GROUP } from '../domain/nodeGroup.ts';
import {
  DEFAULT_SPEC,
  mergeChanges,
  mergeSpec,
  type SpecChange,
  type SpecPath,
  settingAt,
  settingsOf,
  type TemplateSpec,
} from '../domain/template.ts';
import { stableJson } from '../lib/json.ts';
import { addonsInput } from './addonsInput.ts';
import { autoScalingInput } from './autoScalingInput.ts';
import { backupScheduleInput } from './backupScheduleInput.ts';
import { bundlesInput } from './bundleChoice.ts';
import { controlPlaneInput } from './controlPlaneInput.ts';
import { healingInput } from './healingInput.ts';
import { hibernationScheduleInput } from './hibernationScheduleInput.ts';
import { maintenanceInput } from './maintenanceInput.ts';
import { clearable, definedOf, given, nameOrId, parseInput, smallMap, wholeNumber } from './parse.ts';

const nodeCount = wholeNumber(0, MAX_NODES_PER_GROUP);
const ipAddress = z.string().refine((text) => isIP(text) !== 0, 'must be an IP address such as 192.0.2.53');
const dnsDomain = z
  .string()
  .max(200, 'must have at most 200 characters')
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/, 'must be a DNS domain such as cluster.local');

/** What a cluster's API, its seed and the way to its workers speak is IPv4, so there is no cluster without it. */
const ipFamilies = z.array(z.enum(['IPV4', 'IPV6'], 'must be IPV4 or IPV6')).superRefine((families, context) => {
  if (['IPV4', 'IPV4,IPV6'].includes(families.join())) return;
  const message = families.includes('IPV4')
    ? 'must be [IPV4], or [IPV4, IPV6] with IPv4 first'
    : 'must have IPV4: clusters with IPv6 alone are not served, for their API has an IPv4 address; give [IPV4, IPV6]';
  context.addIssue({ code: 'custom', message });
});

export const rootVolumeInput = z
  .strictObject({ sizeGiB: wholeNumber(1, 16_384), type: nameOrId.nullish() })
  .transform(({ sizeGiB, type }) => ({ sizeGiB, type: type ?? null }));

export const versionInput = z
  .string()
  .regex(/^v?\d{1,4}\.\d{1,4}\.\d{1,4}$/, 'must be a version such as v1.36.3')
  .transform((text) => text.replace(/^v?/, 'v'));

export const specFields = z.strictObject({
  kubernetesVersion: given(versionInput),
  image: given(nameOrId),
  keypair: clearable(nameOrId),
  externalNetwork: clearable(nameOrId),
  fixedNetwork: clearable(nameOrId),
  fixedSubnet: clearable(nameOrId),
  fixedSubnetV6: clearable(nameOrId),
  networkMtu: clearable(wholeNumber(1_280, 9_216)),
  dnsNameservers: given(z.array(ipAddress).max(5, 'must be at most 5 addresses')),
  flavor: given(nameOrId),
  masterFlavor: clearable(nameOrId),
  networkDriver: given(z.enum(['FLANNEL', 'CALICO', 'CILIUM', 'NONE'], 'must be FLANNEL, CALICO, CILIUM or NONE')),
  volumeDriver: given(z.enum(['CINDER', 'NONE'], 'must be CINDER or NONE')),
  dockerStorageDriver: clearable(nameOrId),
  floatingIpEnabled: given(z.boolean()),
  masterLbFloatingIpEnabled: given(z.boolean()),
  controlPlane: given(controlPlaneInput),
  addons: given(addonsInput),
  bundles: given(bundlesInput),
  rootVolume: clearable(rootVolumeInput),
  availabilityZone: clearable(nameOrId),
  minNodeCount: clearable(nodeCount),
  maxNodeCount: clearable(nodeCount),
  ipFamilies: given(ipFamilies),
  podCidr: given(z.string()),
  podCidrV6: given(z.string()),
  serviceCidr: given(z.string()),
  serviceCidrV6: given(z.string()),
  nodeCidr: given(z.string()),
  nodeCidrV6: clearable(z.string()),
  dnsDomain: given(dnsDomain),
  keystoneAuthEnabled: given(z.boolean()),
  autoHealingEnabled: given(z.boolean()),
  healing: given(healingInput),
  autoScalingEnabled: given(z.boolean()),
  autoScaling: given(autoScalingInput),
  backup: given(backupScheduleInput),
  maintenance: given(maintenanceInput),
  hibernationSchedule: given(hibernationScheduleInput),
  seedSelector: given(smallMap(20)),
});

export const labelsInput = given(z.record(z.string(), z.string()));

export interface ReadSpec {
  /** What the caller asked for, labels included: what differs from the template. */
  fields: SpecChange;
  ignoredLabels: Record<string, string> | null;
  /** Where the caller gave a field: its own path, or its label's. */
  pathOf(field: SpecPath): string[] | undefined;
}

/**
 * Reads typed fields (`base`: their path) and labels into one. `networkDriver`: the one in effect when the fields name none.
 * @throws UserError INVALID_INPUT, also when a field and a label disagree; UNKNOWN_LABEL.
 */
export const readSpec = (
  own: SpecChange,
  labels: Record<string, string> | undefined,
  networkDriver: TemplateSpec['networkDriver'] | undefined,
  base: readonly string[],
): ReadSpec => {
  const ownPath = (field: SpecPath) => (settingAt(own, field) === undefined ? undefined : [...base, ...field.split('.')]);
  if (labels === undefined) return { fields: own, ignoredLabels: null, pathOf: ownPath };
  const meaning = readLabels(labels, own.networkDriver ?? networkDriver ?? DEFAULT_SPEC.networkDriver);
  refuseDisagreement(own, meaning, base);
  return {
    fields: mergeChanges(parseLabelled(meaning), own),
    ignoredLabels: meaning.ignored,
    pathOf: (field) => ownPath(field) ?? labelPath(meaning, field),
  };
};

/** Labels' values keep the same rules as the fields they stand for, and the blame goes to the label. */
const parseLabelled = (meaning: LabelMeaning): SpecChange => {
  try {
    return definedOf(parseInput(specFields, meaning.fields));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const path = labelPath(meaning, error.detail.field?.join('.') ?? '') ?? ['labels'];
    throw new UserError(error.code, error.message.replace(/^[^:]*/, path.join('.')), { field: path });
  }
};

const labelPath = (meaning: LabelMeaning, field: string): string[] | undefined => {
  // A fault may lie inside a value that one label gave.
  const known = Object.keys(meaning.origins).find((path) => field === path || field.startsWith(`${path}.`));
  const origin = known === undefined ? undefined : meaning.origins[known as keyof LabelMeaning['origins']];
  return origin === undefined ? undefined : ['labels', origin];
};

const refuseDisagreement = (own: SpecChange, meaning: LabelMeaning, base: readonly string[]): void => {
  for (const [field, value] of settingsOf(meaning.fields)) {
    const typed = settingAt(own, field);
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
  return { ...mergeSpec({ ...DEFAULT_SPEC, image, flavor }, read.fields), ignoredLabels: read.ignoredLabels ?? {} };
};

const missing = (field: string, message: string): UserError => new UserError('INVALID_INPUT', message, { field: [field] });
