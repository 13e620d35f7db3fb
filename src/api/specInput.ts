/** The settings of a cluster as input: all optional, in the words of the output. */
import { AddonsInput } from './addonSettings.ts';
import { AutoScalingInput } from './autoScaling.ts';
import { BackupInput } from './backupSchedule.ts';
import { builder, type InputBuilder } from './builder.ts';
import { BundleChoiceInput } from './bundleChoice.ts';
import { ControlPlaneInput } from './controlPlane.ts';
import { IpFamilyEnum, NetworkDriverEnum, VolumeDriverEnum } from './enums.ts';
import { HealingInput } from './healing.ts';
import { HibernationScheduleInput } from './hibernationSchedule.ts';
import { LabelInput, mapOf } from './label.ts';
import { MaintenanceInput } from './maintenance.ts';
import { SPEC } from './spec.ts';

export const RootVolumeInput = builder.inputType('RootVolumeInput', {
  description: 'A volume that a worker boots from.',
  fields: (t) => ({
    sizeGiB: t.int({ required: true, description: 'Size, in GiB.' }),
    type: t.string({ description: "Volume type; without it the cloud's default." }),
  }),
});

/** Fields of every input that holds settings. */
export const specInputFields = (t: InputBuilder) => ({
  kubernetesVersion: t.string({ description: SPEC.kubernetesVersion }),
  image: t.string({ description: SPEC.image }),
  keypair: t.string({ description: SPEC.keypair }),
  externalNetwork: t.string({ description: SPEC.externalNetwork }),
  fixedNetwork: t.string({ description: SPEC.fixedNetwork }),
  fixedSubnet: t.string({ description: SPEC.fixedSubnet }),
  fixedSubnetV6: t.string({ description: SPEC.fixedSubnetV6 }),
  networkMtu: t.int({ description: SPEC.networkMtu }),
  dnsNameservers: t.stringList({ description: SPEC.dnsNameservers }),
  flavor: t.string({ description: SPEC.flavor }),
  masterFlavor: t.string({ description: SPEC.masterFlavor }),
  networkDriver: t.field({ type: NetworkDriverEnum, description: SPEC.networkDriver }),
  volumeDriver: t.field({ type: VolumeDriverEnum, description: SPEC.volumeDriver }),
  dockerStorageDriver: t.string({ description: SPEC.dockerStorageDriver }),
  floatingIpEnabled: t.boolean({ description: SPEC.floatingIpEnabled }),
  masterLbFloatingIpEnabled: t.boolean({ description: SPEC.masterLbFloatingIpEnabled }),
  controlPlane: t.field({ type: ControlPlaneInput, description: SPEC.controlPlane }),
  addons: t.field({ type: AddonsInput, description: SPEC.addons }),
  bundles: t.field({ type: [BundleChoiceInput], description: `${SPEC.bundles} The list is replaced as a whole.` }),
  rootVolume: t.field({ type: RootVolumeInput, description: SPEC.rootVolume }),
  availabilityZone: t.string({ description: SPEC.availabilityZone }),
  minNodeCount: t.int({ description: SPEC.minNodeCount }),
  maxNodeCount: t.int({ description: SPEC.maxNodeCount }),
  ipFamilies: t.field({ type: [IpFamilyEnum], description: SPEC.ipFamilies }),
  podCidr: t.string({ description: SPEC.podCidr }),
  podCidrV6: t.string({ description: SPEC.podCidrV6 }),
  serviceCidr: t.string({ description: SPEC.serviceCidr }),
  serviceCidrV6: t.string({ description: SPEC.serviceCidrV6 }),
  nodeCidr: t.string({ description: SPEC.nodeCidr }),
  nodeCidrV6: t.string({ description: SPEC.nodeCidrV6 }),
  dnsDomain: t.string({ description: SPEC.dnsDomain }),
  keystoneAuthEnabled: t.boolean({ description: SPEC.keystoneAuthEnabled }),
  autoHealingEnabled: t.boolean({ description: SPEC.autoHealingEnabled }),
  healing: t.field({ type: HealingInput, description: SPEC.healing }),
  autoScalingEnabled: t.boolean({ description: SPEC.autoScalingEnabled }),
  autoScaling: t.field({ type: AutoScalingInput, description: SPEC.autoScaling }),
  backup: t.field({ type: BackupInput, description: SPEC.backup }),
  maintenance: t.field({ type: MaintenanceInput, description: SPEC.maintenance }),
  hibernationSchedule: t.field({ type: HibernationScheduleInput, description: SPEC.hibernationSchedule }),
  seedSelector: t.field({ type: [LabelInput], description: SPEC.seedSelector }),
});

export const MAGNUM_LABELS = "Magnum's string labels, such as kube_tag; an unknown one is refused by name.";

/** Lists of labels become the maps that commands take. Throws INVALID_INPUT for a key that is there twice. */
export const withMaps = <Input extends object>(input: Input, ...fields: string[]): Record<string, unknown> => {
  const out: Record<string, unknown> = Object.fromEntries(Object.entries(input));
  for (const field of fields) if (Array.isArray(out[field])) out[field] = mapOf(out[field], field);
  return out;
};

/** The same for settings, whose lists may lie deeper. */
export const settingsToCommand = <Input extends SettingsInput>(input: Input, ...fields: string[]): Record<string, unknown> => {
  const out = withMaps(input, 'seedSelector', ...fields);
  if (input.bundles != null) out.bundles = input.bundles.map((bundle: object) => withMaps(bundle, 'options'));
  const issuers = input.controlPlane?.issuers;
  if (issuers != null)
    out.controlPlane = { ...input.controlPlane, issuers: issuers.map((issuer: object) => withMaps(issuer, 'requiredClaims')) };
  return out;
};

interface SettingsInput {
  bundles?: readonly object[] | null | undefined;
  controlPlane?: { issuers?: readonly object[] | null | undefined } | null | undefined;
}
