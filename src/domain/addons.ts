/** The addons that there are: settings, when each is wanted and which version goes with which Kubernetes release. Their objects are in src/addons. */
import { choice, type Options, type ValuesOf, whole } from './addonOption.ts';
import { UserError } from './errors.ts';
import type { SpecPath, TemplateSpec } from './template.ts';
import type { Release } from './version.ts';

type Wish = Pick<TemplateSpec, 'addons' | 'networkDriver' | 'volumeDriver'>;

export interface AddonInfo<O extends Options = Options> {
  /** For a person: "Name resolution (CoreDNS)". */
  title: string;
  options: O;
  wanted: (wish: Wish) => boolean;
  /** Says by which setting it is wanted, for whoever gives it options without wanting it. */
  wantedBy: string;
  /** As upstream tags it; null: there is none for this release of Kubernetes. */
  version: (release: Release) => string | null;
}

const addon = <O extends Options>(info: AddonInfo<O>): AddonInfo<O> => info;

/** In the order of the API's output. */
const ADDONS = {
  kubeProxy: addon({
    title: 'Service addresses (kube-proxy)',
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
    wanted: () => true,
    wantedBy: 'every cluster',
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
    wanted: ({ networkDriver }) => networkDriver === 'FLANNEL',
    wantedBy: 'networkDriver FLANNEL',
    version: () => 'v0.28.10',
  }),
  coreDns: addon({
    title: 'Name resolution (CoreDNS)',
    options: {
      replicas: whole(1, 10, 2, 'Pods that answer.'),
      cacheSeconds: whole(0, 3600, 30, 'How long an answer is kept; 0 keeps none.'),
    },
    wanted: () => true,
    wantedBy: 'every cluster',
    // As kubeadm 1.36 pairs it.
    version: () => 'v1.14.2',
  }),
} as const;

export type AddonName = keyof typeof ADDONS;
export type AddonsSpec = { [A in AddonName]: ValuesOf<(typeof ADDONS)[A]['options']> };

export const ADDON_NAMES = Object.keys(ADDONS) as AddonName[];

export const addonInfo = (name: AddonName): AddonInfo => ADDONS[name] as AddonInfo;

const defaultsOf = (options: Options) => Object.fromEntries(Object.entries(options).map(([name, option]) => [name, option.default]));

/** What a template says when nobody says otherwise. */
export const DEFAULT_ADDONS = Object.fromEntries(ADDON_NAMES.map((name) => [name, defaultsOf(ADDONS[name].options)])) as AddonsSpec;

/** The name of the step that installs it, and so of its condition. */
export const addonStepName = (name: AddonName): string => `Addon${name.charAt(0).toUpperCase()}${name.slice(1)}Installed`;

/**
 * `given`: paths of the settings that the caller speaks of.
 * @throws UserError INVALID_INPUT for options of an addon that the cluster will not have, UNSUPPORTED_VERSION for one that the release cannot have.
 */
export const checkAddons = (
  spec: TemplateSpec,
  release: Release,
  isGiven: (path: SpecPath) => boolean,
  pathOf: (path: SpecPath) => string[],
): void => {
  for (const name of ADDON_NAMES) {
    const { title, options, wanted, wantedBy, version } = addonInfo(name);
    const given = Object.keys(options)
      .map((option): SpecPath => `addons.${name}.${option}`)
      .find(isGiven);
    if (wanted(spec) && version(release) === null)
      throw new UserError(
        'UNSUPPORTED_VERSION',
        `${title} does not support Kubernetes ${release.version}; leave it out, or choose another version.`,
        {
          field: pathOf(given ?? 'kubernetesVersion'),
        },
      );
    // What is turned on and off by a setting of its own may be prepared while it is off.
    if (!wanted(spec) && given !== undefined && options.enabled === undefined)
      throw new UserError('INVALID_INPUT', `${title} belongs to ${wantedBy}, which is not what the cluster has; leave its options out.`, {
        field: pathOf(given),
      });
  }
};
