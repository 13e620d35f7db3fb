/** Magnum's string labels: mapped to typed fields, kept without meaning, or refused by name. */

import { nearest } from '../lib/nearest.ts';
import { rangeOf } from './cidr.ts';
import { UserError } from './errors.ts';
import { isIgnoredLabel, listIgnoredLabels } from './ignoredLabels.ts';
import { DEFAULT_PREFIX, type IssuerSpec } from './issuer.ts';
import { mergeChanges, type NetworkDriver, type SpecChange, type SpecPath, settingsOf } from './template.ts';

export interface LabelMeaning {
  fields: SpecChange;
  /** For each setting, the label it came from. */
  origins: Partial<Record<SpecPath, string>>;
  ignored: Record<string, string>;
}

type Reader = (value: string, fail: (what: string) => never) => SpecChange;

const yesOrNo = (value: string, fail: (what: string) => never): boolean => {
  // Magnum compares without regard to case, and people write Python's True.
  const word = value.trim().toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : fail('must be "true" or "false"');
};
const whole = (value: string, fail: (what: string) => never): number =>
  /^\d{1,6}$/.test(value.trim()) ? Number(value) : fail('must be a whole number');
/** Magnum's labels are in lower case, or as Kubernetes writes them. */
const oneOf = <Value extends string>(values: readonly Value[], value: string, fail: (what: string) => never): Value =>
  values.find((known) => known === value.trim().toUpperCase()) ??
  fail(`must be ${values.map((known) => known.toLowerCase()).join(' or ')}`);
/** Magnum's ingress controllers that are not served, and why. */
const OTHER_INGRESS: Record<string, string> = {
  nginx: 'its makers have given ingress-nginx up',
  octavia: 'octavia-ingress-controller is not among the addons',
};
/** As in Magnum, nothing is none. */
const ingress = (value: string, fail: (what: string) => never): boolean => {
  const word = value.trim().toLowerCase();
  if (Object.hasOwn(OTHER_INGRESS, word))
    fail(`is not served as "${word}", for ${OTHER_INGRESS[word]}; say "traefik", or leave it out and install another yourself`);
  return word === 'traefik' || (word !== '' && fail('must be "traefik" or empty'));
};
const text = (value: string, fail: (what: string) => never): string => value.trim() || fail('must not be empty');

/** Separated by commas. */
const ranges = (value: string, fail: (what: string) => never): SpecChange => {
  const given = value.split(',').map((range) => range.trim());
  const allowedCidrs = given
    .filter((range) => range !== '')
    .map((range) => rangeOf(range) ?? fail('must be IPv4 ranges, separated by commas'));
  return { controlPlane: { allowedCidrs } };
};

const READERS: Record<string, Reader> = {
  kube_tag: (v, fail) => ({
    kubernetesVersion: /^v?\d+\.\d+\.\d+$/.test(v.trim()) ? v.trim().replace(/^v?/, 'v') : fail('must be a version such as "v1.36.3"'),
  }),
  etcd_volume_size: (v, fail) => ({ controlPlane: { etcd: { volumeSizeGiB: whole(v, fail) } } }),
  master_lb_floating_ip_enabled: (v, fail) => ({ masterLbFloatingIpEnabled: yesOrNo(v, fail) }),
  master_lb_allowed_cidrs: ranges,
  // As the driver over Cluster API calls it.
  api_master_lb_allowed_cidrs: ranges,
  keystone_auth_enabled: (v, fail) => ({ keystoneAuthEnabled: yesOrNo(v, fail) }),
  kube_dashboard_enabled: (v, fail) => ({ addons: { dashboard: { enabled: yesOrNo(v, fail) } } }),
  npd_enabled: (v, fail) => ({ addons: { nodeProblemDetector: { enabled: yesOrNo(v, fail) } } }),
  cloud_provider_enabled: (v, fail) => ({ addons: { cloudController: { enabled: yesOrNo(v, fail) } } }),
  octavia_provider: (v, fail) => ({ addons: { cloudController: { loadBalancerProvider: oneOf(['AMPHORA', 'OVN'], v, fail) } } }),
  octavia_lb_healthcheck: (v, fail) => ({ addons: { cloudController: { loadBalancerMonitors: yesOrNo(v, fail) } } }),
  csi_cinder_reclaim_policy: (v, fail) => ({ addons: { cinderCsi: { reclaim: oneOf(['DELETE', 'RETAIN'], v, fail) } } }),
  csi_cinder_fstype: (v, fail) => ({ addons: { cinderCsi: { fileSystem: oneOf(['EXT4', 'XFS'], v, fail) } } }),
  ingress_controller: (v, fail) => ({ addons: { ingressController: { enabled: ingress(v, fail) } } }),
  metrics_server_enabled: (v, fail) => ({ addons: { metricsServer: { enabled: yesOrNo(v, fail) } } }),
  auto_healing_enabled: (v, fail) => ({ autoHealingEnabled: yesOrNo(v, fail) }),
  auto_scaling_enabled: (v, fail) => ({ autoScalingEnabled: yesOrNo(v, fail) }),
  audit_log_enabled: (v, fail) => ({ controlPlane: { audit: { level: yesOrNo(v, fail) ? 'METADATA' : 'NONE' } } }),
  min_node_count: (v, fail) => ({ minNodeCount: whole(v, fail) }),
  max_node_count: (v, fail) => ({ maxNodeCount: whole(v, fail) }),
  availability_zone: (v, fail) => ({ availabilityZone: text(v, fail) }),
  service_cluster_ip_range: (v, fail) => ({ serviceCidr: text(v, fail) }),
  fixed_subnet_cidr: (v, fail) => ({ nodeCidr: text(v, fail) }),
  dns_cluster_domain: (v, fail) => ({ dnsDomain: text(v, fail) }),
};

/** The pod range has a label for each network driver; those of the others say nothing. */
const POD_RANGE: Record<string, NetworkDriver> = { flannel_network_cidr: 'FLANNEL', calico_ipv4pool: 'CALICO', cilium_ipv4pool: 'CILIUM' };
/** Two labels, one field. */
const ROOT_VOLUME = ['boot_volume_size', 'boot_volume_type'];
/** Together one issuer. */
const ISSUER = [
  'oidc_issuer_url',
  'oidc_client_id',
  'oidc_username_claim',
  'oidc_username_prefix',
  'oidc_groups_claim',
  'oidc_groups_prefix',
];
/** Labels are shown to everybody who sees the cluster. */
const SECRETS: Record<string, string> = {
  grafana_admin_passwd: 'a password does not belong in a label, which everybody in the project can read; leave it out',
};
const MAX_LABELS = 150;
const MAX_VALUE = 255;

/**
 * What the labels mean under a network driver.
 * @throws UserError UNKNOWN_LABEL that names the label and the nearest known one; INVALID_INPUT for a value that does not fit.
 */
export const readLabels = (
  labels: Readonly<Record<string, string>>,
  networkDriver: NetworkDriver,
  field: string[] = ['labels'],
): LabelMeaning => {
  const meaning: LabelMeaning = { fields: {}, origins: {}, ignored: {} };
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) throw new UserError('INVALID_INPUT', `At most ${MAX_LABELS} labels are accepted.`, { field });
  for (const [name, value] of entries) {
    const fail = failing(name, field);
    if (value.length > MAX_VALUE) fail(`has a value of more than ${MAX_VALUE} characters`);
    const reader = READERS[name];
    if (Object.hasOwn(READERS, name) && reader !== undefined) take(meaning, name, reader(value, fail));
    else if (Object.hasOwn(POD_RANGE, name) && POD_RANGE[name] === networkDriver) take(meaning, name, { podCidr: text(value, fail) });
    else if (Object.hasOwn(POD_RANGE, name) || isIgnoredLabel(name)) meaning.ignored[name] = value;
    else if (Object.hasOwn(SECRETS, name)) fail(`is refused: ${SECRETS[name]}`);
    else if (!ROOT_VOLUME.includes(name) && !ISSUER.includes(name)) throw unknownLabel(name, field);
  }
  readRootVolume(labels, meaning, field);
  readIssuer(labels, meaning, field);
  return meaning;
};

/** Names of labels that are mapped to a field, for documentation and for the nearest known one. */
export const listMappedLabels = (): string[] => [...Object.keys(READERS), ...Object.keys(POD_RANGE), ...ROOT_VOLUME, ...ISSUER];

const take = (meaning: LabelMeaning, name: string, fields: SpecChange): void => {
  meaning.fields = mergeChanges(meaning.fields, fields);
  for (const [path] of settingsOf(fields)) meaning.origins[path] = name;
};

const readRootVolume = (labels: Readonly<Record<string, string>>, meaning: LabelMeaning, field: string[]): void => {
  const { boot_volume_size: size, boot_volume_type: type } = labels;
  if (size === undefined) {
    if (type !== undefined) failing('boot_volume_type', field)('needs boot_volume_size beside it');
    return;
  }
  const sizeGiB = whole(size, failing('boot_volume_size', field));
  // Magnum's 0 means "no volume".
  take(meaning, 'boot_volume_size', { rootVolume: sizeGiB === 0 ? null : { sizeGiB, type: type?.trim() || null } });
};

const readIssuer = (labels: Readonly<Record<string, string>>, meaning: LabelMeaning, field: string[]): void => {
  const [first] = ISSUER.filter((name) => labels[name] !== undefined);
  if (first === undefined) return;
  const need = (name: string): string => labels[name] ?? failing(first, field)(`needs ${name} beside it`);
  const issuer: IssuerSpec = {
    url: text(need('oidc_issuer_url'), failing('oidc_issuer_url', field)),
    audiences: [text(need('oidc_client_id'), failing('oidc_client_id', field))],
    usernameClaim: labels.oidc_username_claim?.trim() || 'sub',
    usernamePrefix: labels.oidc_username_prefix?.trim() || DEFAULT_PREFIX,
    groupsClaim: labels.oidc_groups_claim?.trim() || null,
    groupsPrefix: labels.oidc_groups_prefix?.trim() || DEFAULT_PREFIX,
    requiredClaims: {},
    caCertificate: null,
  };
  take(meaning, 'oidc_issuer_url', { controlPlane: { issuers: [issuer] } });
};

const failing =
  (name: string, field: string[]) =>
  (what: string): never => {
    throw new UserError('INVALID_INPUT', `Label "${name}" ${what}.`, { field: [...field, name] });
  };

const unknownLabel = (name: string, field: string[]): UserError => {
  const shown = JSON.stringify(name.slice(0, 60));
  const near = nearest(name.replaceAll('-', '_'), [...listMappedLabels(), ...listIgnoredLabels()]);
  const hint = near === undefined ? 'leave it out' : `did you mean "${near}"?`;
  return new UserError('UNKNOWN_LABEL', `Label ${shown} is not known; ${hint.endsWith('?') ? hint : `${hint}.`}`, {
    field: [...field, name.slice(0, 60)],
  });
};
