/** The addons that there are: settings, when each is wanted and which version goes with which Kubernetes release. Their objects are in src/addons. */
import { choice, type Options, type ValuesOf, whole, yesNo } from './addonOption.ts';
import { UserError } from './errors.ts';
import type { SpecPath, TemplateSpec } from './template.ts';
import type { Release } from './version.ts';

export interface AddonInfo<O extends Options = Options> {
  /** For a person: "Name resolution (CoreDNS)". */
  title: string;
  options: O;
  /** It is wanted where this setting has this value, and nowhere else. */
  driver?: { setting: 'networkDriver' | 'volumeDriver'; value: string };
  /** As upstream tags it; null: there is none for this release of Kubernetes. */
  version: (release: Release) => string | null;
}

/** `minor`: such as "1.36". */
const minorAtLeast = (minor: string, least: number): boolean => Number(minor.split('.')[1]) >= least;

/** By minor release; null for all others. */
const byMinor =
  (versions: Record<string, string>) =>
  ({ minor }: Release): string | null =>
    versions[minor] ?? null;

const CLOUD_PROVIDER: Record<string, string> = { '1.34': 'v1.34.1', '1.35': 'v1.35.0', '1.36': 'v1.36.0' };

/** Of cloud-provider-openstack. Throws a plain Error for a release that it does not support: commands refuse such a cluster before. */
export const cloudProviderVersion = ({ minor }: Release): string => {
  const version = CLOUD_PROVIDER[minor];
  if (version === undefined) throw new Error(`cloud-provider-openstack has no version for Kubernetes ${minor}.`);
  return version;
};

const addon = <O extends Options>(info: AddonInfo<O>): AddonInfo<O> => info;

/** In the order of the API's output. */
const ADDONS = {
  kubeProxy: addon({
    title: 'Service routing (kube-proxy)',
    options: {
      mode: choice(
        {
          NFTABLES: "Upstream's choice since 1.33; nodes need a kernel of 5.13 or later.",
          IPTABLES: 'For nodes with an older kernel.',
        },
        'NFTABLES',
        'How nodes lead Service addresses to pods.',
      ),
    },
    version: (release) => release.version,
  }),
  flannel: addon({
    title: 'Pod network (flannel)',
    options: {
      backend: choice(
        { VXLAN: 'An overlay over UDP, not encrypted.', WIREGUARD: 'An overlay that encrypts what pods of different nodes say.' },
        'VXLAN',
        'How packets travel between nodes.',
      ),
    },
    driver: { setting: 'networkDriver', value: 'FLANNEL' },
    version: () => 'v0.28.10',
  }),
  calico: addon({
    title: 'Pod network with NetworkPolicies (Calico)',
    options: {
      mtu: whole(0, 9000, 0, 'The largest packet of a pod, in bytes; with 0 each node finds it out from its own interface.'),
      blockSize: whole(24, 30, 26, 'Addresses come to nodes in blocks with a prefix of this length. It cannot be changed later.'),
      natOutgoing: yesNo(true, 'Outside the cluster pods show the address of their node. It cannot be changed later.'),
      wireguard: yesNo(false, 'What pods of different nodes say is encrypted; nodes need the module in their kernel.'),
    },
    driver: { setting: 'networkDriver', value: 'CALICO' },
    version: byMinor({ '1.34': 'v3.32.1', '1.35': 'v3.32.1', '1.36': 'v3.32.1' }),
  }),
  cilium: addon({
    title: 'Pod network with NetworkPolicies (Cilium)',
    options: {
      mtu: whole(0, 9000, 0, 'The largest packet between nodes, in bytes, less what the overlay takes; with 0 each node finds it out.'),
      encryption: choice(
        {
          NONE: 'Packets travel as they are.',
          WIREGUARD: 'What pods of different nodes say is encrypted; nodes need the module in their kernel.',
        },
        'NONE',
        'How packets travel between nodes.',
      ),
    },
    driver: { setting: 'networkDriver', value: 'CILIUM' },
    version: byMinor({ '1.34': 'v1.20.2', '1.35': 'v1.20.2', '1.36': 'v1.20.2' }),
  }),
  coreDns: addon({
    title: 'Name resolution (CoreDNS)',
    options: {
      replicas: whole(1, 10, 2, 'Pods that answer.'),
      cacheSeconds: whole(0, 3600, 30, 'How long an answer is kept; 0 keeps none.'),
    },
    // As kubeadm 1.36 pairs it.
    version: () => 'v1.14.2',
  }),
  cloudController: addon({
    title: 'Cloud integration (openstack-cloud-controller-manager)',
    options: {
      enabled: yesNo(false, 'Services of type LoadBalancer work, and nodes know their servers; it runs beside the control plane.'),
      loadBalancerProvider: choice(
        {
          AMPHORA: 'A server for each load balancer, in the middle of all traffic.',
          OVN: "Neutron's own packet filters, for TCP and UDP alone.",
        },
        'AMPHORA',
        'What makes load balancers.',
      ),
      loadBalancerMonitors: yesNo(true, 'Load balancers ask nodes whether they answer.'),
      manageSecurityGroups: yesNo(false, 'Workers are opened for each Service by a security group of its own.'),
    },
    version: byMinor(CLOUD_PROVIDER),
  }),
  cinderCsi: addon({
    title: 'Volume provisioning (cinder-csi)',
    options: {
      defaultClass: yesNo(true, 'Claims that name no class get a volume of the type that Cinder takes by itself.'),
      reclaim: choice(
        { DELETE: 'A volume goes with its claim.', RETAIN: 'A volume stays when its claim goes.' },
        'DELETE',
        'What becomes of volumes.',
      ),
      fileSystem: choice({ EXT4: 'ext4.', XFS: 'XFS.' }, 'EXT4', 'How new volumes are formatted.'),
      zones: yesNo(false, 'Volumes are made in the zone of the node; zones of Cinder and Nova must have the same names.'),
    },
    driver: { setting: 'volumeDriver', value: 'CINDER' },
    version: byMinor(CLOUD_PROVIDER),
  }),
  metricsServer: addon({
    title: 'Resource metrics (metrics-server)',
    options: {
      enabled: yesNo(false, '`kubectl top` and autoscaling by CPU and memory work.'),
      replicas: whole(1, 3, 1, 'Pods that measure and answer.'),
      resolutionSeconds: whole(10, 300, 15, 'How often nodes are asked.'),
    },
    version: ({ minor }) => (minorAtLeast(minor, 34) ? 'v0.9.0' : 'v0.8.1'),
  }),
  certManager: addon({
    title: 'Certificate management (cert-manager)',
    options: {
      enabled: yesNo(false, 'Issuers and Certificates can be made in the cluster.'),
      replicas: whole(1, 3, 1, 'Pods of each of its three programs; one of them leads.'),
      ownerReferences: yesNo(false, "A certificate's Secret goes with its Certificate."),
    },
    version: () => 'v1.21.1',
  }),
  dashboard: addon({
    title: 'Dashboard (Headlamp)',
    options: {
      enabled: yesNo(false, 'A dashboard that shows to everybody what his own token may see.'),
      replicas: whole(1, 3, 1, 'Pods that answer.'),
      sessionSeconds: whole(300, 86_400, 3_600, 'How long a login lasts.'),
    },
    version: () => 'v0.45.0',
  }),
  nodeProblemDetector: addon({
    title: 'Node problem detection (node-problem-detector)',
    options: {
      enabled: yesNo(false, "What a node's kernel complains of becomes conditions and events of the node."),
      metrics: yesNo(false, 'Its metrics can be had at port 20257 of each pod.'),
    },
    version: byMinor({ '1.34': 'v1.34.4', '1.35': 'v1.35.3', '1.36': 'v1.36.0' }),
  }),
  ingressController: addon({
    title: 'Ingress controller (Traefik)',
    options: {
      enabled: yesNo(false, 'Ingresses of the class traefik lead requests from outside to Services.'),
      replicas: whole(1, 10, 2, 'Pods that take requests.'),
      serviceType: choice(
        {
          NODE_PORT: 'At a port of every node, for a load balancer of your own.',
          LOAD_BALANCER: 'At a load balancer of the cloud; it needs cloudController.',
        },
        'NODE_PORT',
        'Where requests come in.',
      ),
      defaultClass: yesNo(true, 'Ingresses that name no class are served, too.'),
    },
    version: () => 'v3.7.13',
  }),
} as const;

export type AddonName = keyof typeof ADDONS;
export type AddonsSpec = { [A in AddonName]: ValuesOf<(typeof ADDONS)[A]['options']> };

export const ADDON_NAMES = Object.keys(ADDONS) as AddonName[];

export const addonInfo = (name: AddonName): AddonInfo => ADDONS[name] as AddonInfo;

const defaultsOf = (options: Options) => Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.default]));

/** What a template says when nobody says otherwise. */
export const DEFAULT_ADDONS = Object.fromEntries(ADDON_NAMES.map((name) => [name, defaultsOf(ADDONS[name].options)])) as AddonsSpec;

/** Its own `enabled` has a say where it has one. */
export const isWanted = (name: AddonName, spec: Pick<TemplateSpec, 'addons' | 'networkDriver' | 'volumeDriver'>): boolean => {
  const { driver } = addonInfo(name);
  const { enabled = true } = spec.addons[name] as { enabled?: boolean };
  return enabled && (driver === undefined || spec[driver.setting] === driver.value);
};

/** The name of the step that installs it, and so of its condition. */
export const addonStepName = (name: AddonName): string => `Addon${name.charAt(0).toUpperCase()}${name.slice(1)}Installed`;

/**
 * `given`: paths of the settings that the caller speaks of.
 * @throws UserError INVALID_INPUT for options of an addon that the cluster will not have, or that need another which it will not have; UNSUPPORTED_VERSION for one that the release cannot have.
 */
export const checkAddons = (
  spec: TemplateSpec,
  release: Release,
  isGiven: (path: SpecPath) => boolean,
  pathOf: (path: SpecPath) => string[],
): void => {
  for (const name of ADDON_NAMES) {
    const { title, options, driver, version } = addonInfo(name);
    const given = Object.keys(options)
      .map((option): SpecPath => `addons.${name}.${option}`)
      .find(isGiven);
    const wanted = isWanted(name, spec);
    if (wanted && version(release) === null)
      throw new UserError(
        'UNSUPPORTED_VERSION',
        `${title} does not support Kubernetes ${release.version}; leave it out, or choose another version.`,
        { field: pathOf(given ?? driver?.setting ?? 'kubernetesVersion') },
      );
    // What has a switch of its own may be prepared while it is off.
    if (!wanted && given !== undefined && driver !== undefined)
      throw new UserError(
        'INVALID_INPUT',
        `${title} belongs to ${driver.setting} ${driver.value}; choose that, or leave its options out.`,
        {
          field: pathOf(given),
        },
      );
  }
  checkIngress(spec, isGiven, pathOf);
};

/** Nobody would give its Service an address. */
const checkIngress = (spec: TemplateSpec, isGiven: (path: SpecPath) => boolean, pathOf: (path: SpecPath) => string[]): void => {
  const balanced = isWanted('ingressController', spec) && spec.addons.ingressController.serviceType === 'LOAD_BALANCER';
  if (!balanced || isWanted('cloudController', spec)) return;
  const paths: SpecPath[] = ['addons.ingressController.serviceType', 'addons.cloudController.enabled', 'addons.ingressController.enabled'];
  throw new UserError(
    'INVALID_INPUT',
    'A load balancer for the ingress controller comes from the cloud integration: set cloudController.enabled, or the serviceType NODE_PORT.',
    { field: pathOf(paths.find(isGiven) ?? 'addons.ingressController.serviceType') },
  );
};
