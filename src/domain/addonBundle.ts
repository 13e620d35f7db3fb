/** Addon bundles: manifests that a cloud administrator registers and customers choose for their clusters. */
import type { Json } from '../lib/json.ts';
import { completeOptions, isSecretOption, type OptionsSchema, type OptionValue } from './addonBundleOption.ts';
import { type Problem, UserError } from './errors.ts';

/** A Kubernetes object as its manifest says; text in it may hold placeholders. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; [field: string]: Json | undefined };
  [field: string]: Json | Manifest['metadata'] | undefined;
}

/** What a cluster or a template says: this bundle, in this revision, with these options. */
export interface BundleChoice {
  name: string;
  /** 0 in what a caller asks for: the one in effect, or the newest. */
  revision: number;
  /** Those that were given; text until they are checked against the schema. */
  options: Record<string, OptionValue>;
  /** Those of them that are secret, sealed; never shown. */
  sealed?: Record<string, string>;
}

/** Where a sealed option lies, for the sealer: clusters take them over from their template. */
export const placeOfOption = (bundle: string, option: string): string => `bundles/${bundle}/${option}`;

/** What manifests may be told of the cluster. */
export interface BundleFacts {
  name: string;
  id: string;
  podCidr: string;
  serviceCidr: string;
  dnsDomain: string;
}

/** What is known of a bundle in a cluster. */
export interface BundleState {
  name: string;
  revision: number;
  state: 'INSTALLING' | 'READY' | 'FAILED' | 'REMOVING';
  message: string;
  problem: Problem | null;
}

const FACTS: readonly (keyof BundleFacts)[] = ['name', 'id', 'podCidr', 'serviceCidr', 'dnsDomain'];

export const MAX_BUNDLES = 20;
export const MAX_OBJECTS = 200;
/** A request as a whole may have 256 KiB, and JSON writes a line's end as two characters. */
export const MAX_MANIFEST_KIB = 200;

/** `${options.NAME}` or `${cluster.NAME}`; with `|text` it is text whatever its type; with another `$` before it, it is not touched. */
const PLACEHOLDER = /(\$?)\$\{(options|cluster)\.([A-Za-z0-9_.-]*)(\|text)?\}/g;
const WHOLE = /^\$\{(options|cluster)\.([A-Za-z0-9_.-]*)\}$/;

type Lookup = (of: string, name: string) => OptionValue;

/** The manifests with values in the place of placeholders. */
export const renderBundle = (
  manifests: readonly Manifest[],
  schema: OptionsSchema,
  given: Readonly<Record<string, OptionValue>>,
  facts: BundleFacts,
): Manifest[] => {
  const options = completeOptions(schema, given);
  const lookup: Lookup = (of, name) => {
    const value = of === 'options' ? options[name] : facts[name as keyof BundleFacts];
    if (value === undefined) throw new Error(`A bundle uses ${of}.${name}, which has no value.`);
    return value;
  };
  return manifests.map((manifest) => fill(manifest as Json, lookup) as Manifest);
};

const fill = (value: Json, lookup: Lookup): Json => {
  if (typeof value === 'string') return fillText(value, lookup);
  if (Array.isArray(value)) return value.map((item) => fill(item, lookup));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, lookup)]));
};

const fillText = (text: string, lookup: Lookup): Json => {
  const [, of, name] = WHOLE.exec(text) ?? [];
  if (of !== undefined && name !== undefined) return lookup(of, name);
  return text.replace(PLACEHOLDER, (whole, kept: string, from: string, what: string) =>
    kept === '' ? String(lookup(from, what)) : whole.slice(1),
  );
};

/** @throws UserError INVALID_INPUT for a placeholder that nothing has a value for, or one where none can stand. */
export const checkPlaceholders = (manifests: readonly Manifest[], { properties }: OptionsSchema): void => {
  const known: Lookup = (of, name) => {
    const names: readonly string[] = of === 'options' ? Object.keys(properties) : FACTS;
    if (names.includes(name)) return '';
    const there = names.length === 0 ? 'optionsSchema has no properties' : `there are ${names.map((one) => `${of}.${one}`).join(', ')}`;
    throw new UserError('INVALID_INPUT', `\${${of}.${name}} means nothing: ${there}.`);
  };
  for (const manifest of manifests)
    try {
      for (const text of [manifest.apiVersion, manifest.kind, ...keysOf(manifest as Json)])
        if (text.search(PLACEHOLDER) >= 0)
          throw new UserError('INVALID_INPUT', 'A placeholder can stand in values, and not in a key, apiVersion or kind.');
      fill(manifest as Json, known);
      fill(withoutStringData(manifest), (of, name) => {
        const option = of === 'options' ? properties[name] : undefined;
        if (option === undefined || !isSecretOption(option)) return '';
        throw new UserError('INVALID_INPUT', `The option ${name} is secret: it can stand in stringData of a Secret, and nowhere else.`);
      });
    } catch (error) {
      throw error instanceof UserError ? refused(manifest, error.message) : error;
    }
};

const withoutStringData = (manifest: Manifest): Json => {
  const { stringData: _, ...rest } = manifest;
  return (manifest.apiVersion === 'v1' && manifest.kind === 'Secret' ? rest : manifest) as Json;
};

const keysOf = (value: Json): string[] => {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);
};

interface Named {
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** "Deployment web" or "Deployment shop/web". */
export const nameOfObject = ({ kind, metadata: { name, namespace } }: Named): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

const refused = (manifest: Manifest, message: string): UserError =>
  new UserError('INVALID_INPUT', `${nameOfObject(manifest)}: ${message}`, { field: ['manifests'] });

const NAMESPACES_OF_KUBERNETES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const OWN_LABEL = /^(?:[^/]+\.)?seedbed\.io\//;

/** Kinds, by group, that are somebody else's to make, or that cannot be kept as they are wished. */
const REFUSED_KINDS: Record<string, string> = {
  '/Node': 'nodes are made by node groups; leave it out',
  '/Event': 'events are told, not installed; leave it out',
  '/Pod': 'a pod by itself is never replaced; use a Deployment, DaemonSet or Job',
  'certificates.k8s.io/CertificateSigningRequest': 'it is a request and lasts for an hour; leave it out',
  'coordination.k8s.io/Lease': 'programs make their own; leave it out',
  'discovery.k8s.io/EndpointSlice': 'the control plane makes it of a Service; leave it out',
  'storage.k8s.io/CSINode': 'kubelets make it; leave it out',
  'storage.k8s.io/VolumeAttachment': 'the control plane makes it; leave it out',
};

const isMap = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value);

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '');

/** The object's group, kind, namespace and name: what no two may share. */
export const identityOfObject = ({ apiVersion, kind, metadata: { name, namespace } }: Manifest): string =>
  [groupOf(apiVersion), kind, namespace ?? '', name].join('/');

const isNamespace = ({ apiVersion, kind }: Manifest): boolean => apiVersion === 'v1' && kind === 'Namespace';

/** What can stand in the API's paths; which letters more a kind refuses, its API server says. */
const PATH_NAME = /^(?!\.{1,2}$)[^/%\s\p{C}]{1,253}$/u;
const NAMESPACE_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** Values of options come into names, too. Before they are known, a name that has a placeholder may be anything. */
const checkName = (manifest: Manifest): void => {
  const form = isNamespace(manifest) ? NAMESPACE_NAME : PATH_NAME;
  for (const [field, pattern] of [
    ['name', form],
    ['namespace', NAMESPACE_NAME],
  ] as const) {
    const value: unknown = manifest.metadata[field];
    if (field === 'namespace' && value === undefined) continue;
    if (typeof value !== 'string')
      throw refused(manifest, `metadata.${field} is ${JSON.stringify(value)}, which is not text; write the placeholder as \${…|text}.`);
    if (value.search(PLACEHOLDER) < 0 && !pattern.test(value))
      throw refused(
        manifest,
        `metadata.${field} is ${JSON.stringify(value.slice(0, 80))}, which is not a name that Kubernetes takes; choose another.`,
      );
  }
};

/**
 * What a bundle must not bring, whatever its options are: also called with its placeholders filled.
 * @param isBuiltIn whether an identity is one of an object that Seedbed itself makes in a cluster.
 * @throws UserError INVALID_INPUT naming the object.
 */
export const checkObjects = (manifests: readonly Manifest[], isBuiltIn: (identity: string) => boolean): void => {
  const seen = new Set<string>();
  const namespaces = new Set([...NAMESPACES_OF_KUBERNETES, ...manifests.filter(isNamespace).map(({ metadata }) => metadata.name)]);
  for (const manifest of manifests) {
    const { apiVersion, kind, metadata } = manifest;
    checkName(manifest);
    const identity = identityOfObject(manifest);
    if (seen.has(identity)) throw refused(manifest, 'It is there twice; leave one of them out.');
    seen.add(identity);
    if (isBuiltIn(identity)) throw refused(manifest, 'Seedbed makes an object of this name itself; choose another name.');
    if (isNamespace(manifest) && NAMESPACES_OF_KUBERNETES.includes(metadata.name))
      throw refused(manifest, 'This namespace is there already, and would go with the bundle; leave it out.');
    const why = REFUSED_KINDS[`${groupOf(apiVersion)}/${kind}`];
    if (why !== undefined) throw refused(manifest, `This kind is refused: ${why}.`);
    if (
      apiVersion === 'v1' &&
      kind === 'Secret' &&
      typeof manifest.type === 'string' &&
      /^(?:kubernetes\.io\/service-account-token|bootstrap\.kubernetes\.io\/token)$/.test(manifest.type)
    )
      throw refused(manifest, `A Secret of type ${manifest.type} is a credential for the cluster; let a pod use its ServiceAccount.`);
    const [, owner] = /^(?:Cluster)?Role(?:Binding)?$/.test(kind) ? (/^(system|seedbed):/.exec(metadata.name) ?? []) : [];
    if (owner !== undefined)
      throw refused(
        manifest,
        `Names that begin with "${owner}:" are ${owner === 'system' ? "Kubernetes'" : "Seedbed's"} own; choose another name.`,
      );
    // One for each type of volume that the cloud has.
    if (apiVersion.startsWith('storage.k8s.io/') && kind === 'StorageClass' && metadata.name.startsWith('cinder-'))
      throw refused(manifest, 'Names that begin with "cinder-" are Seedbed\'s own for storage classes; choose another name.');
    if (apiVersion.startsWith('batch/') && kind === 'Job' && isMap(manifest.spec) && manifest.spec.ttlSecondsAfterFinished !== undefined)
      throw refused(manifest, 'A Job that is gone when it has finished would be made again and again; leave ttlSecondsAfterFinished out.');
    if (Object.keys(metadata.labels ?? {}).some((key) => OWN_LABEL.test(key)))
      throw refused(manifest, "Labels of seedbed.io are Seedbed's own; leave them out.");
    if (metadata.namespace !== undefined && !namespaces.has(metadata.namespace))
      throw refused(manifest, `The namespace ${JSON.stringify(metadata.namespace)} is not in the bundle; add a Namespace of this name.`);
  }
};
