/** What an API server refuses in an object: names, required fields, references and changes of immutable fields. */
import { isCustomKind, type Kind } from './kinds.ts';
import { at, type Dict, dict, dicts, isDict, type KubeObject, labelsOf, sameJson, spec, text } from './objects.ts';
import { selectorMatch } from './selectors.ts';
import { invalid } from './statusError.ts';

type Cause = { field: string; message: string };

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const DATA_KEY = /^[-._a-zA-Z0-9]+$/;
const IMAGE = /^[a-z0-9][a-z0-9._-]*(:[0-9]+)?(\/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

const nameCauses = (kind: Kind, name: string): Cause[] => {
  const field = 'metadata.name';
  if (kind.group === 'rbac.authorization.k8s.io')
    return name === '' || name.includes('/') || name.includes('%')
      ? [{ field, message: `Invalid value: "${name}": may not contain '/'` }]
      : [];
  if (kind.kind === 'Namespace' || kind.kind === 'Service') {
    return LABEL.test(name) && name.length <= 63
      ? []
      : [
          {
            field,
            message: `Invalid value: "${name}": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character`,
          },
        ];
  }
  return SUBDOMAIN.test(name) && name.length <= 253
    ? []
    : [
        {
          field,
          message: `Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`,
        },
      ];
};

const labelCauses = (labels: unknown): Cause[] =>
  Object.entries(dict(labels)).flatMap(([key, value]) => {
    if (!LABEL_KEY.test(key))
      return [
        {
          field: 'metadata.labels',
          message: `Invalid value: "${key}": name part must consist of alphanumeric characters, '-', '_' or '.'`,
        },
      ];
    const fits = typeof value === 'string' && value.length <= 63 && LABEL_VALUE.test(value);
    return fits
      ? []
      : [
          {
            field: 'metadata.labels',
            message: `Invalid value: "${String(value)}": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'`,
          },
        ];
  });

const containerCauses = (podSpec: Dict, path: string, claims: string[] = []): Cause[] => {
  const volumes = new Set([...dicts(podSpec.volumes).map((v) => text(v.name)), ...claims]);
  const containers = dicts(podSpec.containers);
  if (containers.length === 0) return [{ field: `${path}.containers`, message: 'Required value' }];
  return [...containers, ...dicts(podSpec.initContainers)].flatMap((c, i) => {
    const here = `${path}.containers[${i}]`;
    const mounts = dicts(c.volumeMounts).flatMap((m, j) =>
      volumes.has(text(m.name)) ? [] : [{ field: `${here}.volumeMounts[${j}].name`, message: `Not found: "${text(m.name)}"` }],
    );
    return [
      ...(LABEL.test(text(c.name)) ? [] : [{ field: `${here}.name`, message: `Invalid value: "${text(c.name)}"` }]),
      ...(text(c.image) === '' ? [{ field: `${here}.image`, message: 'Required value' }] : []),
      ...mounts,
    ];
  });
};

const WORKLOADS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet']);

const workloadCauses = (object: KubeObject): Cause[] => {
  const template = dict(spec(object).template);
  const labels = dict(at(template, 'metadata', 'labels'));
  const selector = spec(object).selector;
  if (!isDict(selector)) return [{ field: 'spec.selector', message: 'Required value' }];
  const fits = selectorMatch(selector)(labels as Record<string, string>);
  return [
    ...(fits
      ? []
      : [
          {
            field: 'spec.template.metadata.labels',
            message: `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``,
          },
        ]),
    ...containerCauses(
      dict(template.spec),
      'spec.template.spec',
      dicts(spec(object).volumeClaimTemplates).map((t) => text(at(t, 'metadata', 'name'))),
    ),
  ];
};

const isBase64 = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z0-9+/\s]*={0,2}$/.test(value);

const kindCauses = (object: KubeObject): Cause[] => {
  if (WORKLOADS.has(object.kind)) return workloadCauses(object);
  if (object.kind === 'Pod') return containerCauses(spec(object), 'spec');
  if (object.kind === 'Job') return containerCauses(dict(at(object, 'spec', 'template', 'spec')), 'spec.template.spec');
  if (
    object.kind === 'Service' &&
    spec(object).type !== 'ExternalName' &&
    spec(object).clusterIP !== 'None' &&
    dicts(spec(object).ports).length === 0
  ) {
    return [{ field: 'spec.ports', message: 'Required value' }];
  }
  if (object.kind === 'Secret' || object.kind === 'ConfigMap') {
    const bad = Object.entries(dict(object.data)).filter(
      ([k, v]) => !DATA_KEY.test(k) || (object.kind === 'Secret' ? !isBase64(v) : typeof v !== 'string'),
    );
    return bad.map(([k]) => ({ field: `data[${k}]`, message: 'Invalid value' }));
  }
  if (object.kind === 'CustomResourceDefinition') return definitionCauses(object);
  if (object.kind.endsWith('RoleBinding') && text(at(object, 'roleRef', 'name')) === '')
    return [{ field: 'roleRef.name', message: 'Required value' }];
  return [];
};

const definitionCauses = (object: KubeObject): Cause[] => {
  const [plural, group] = [text(at(object, 'spec', 'names', 'plural')), text(spec(object).group)];
  const versions = dicts(spec(object).versions);
  const wanted = `${plural}.${group}`;
  return [
    ...(object.metadata.name === wanted
      ? []
      : [{ field: 'metadata.name', message: `Invalid value: "${object.metadata.name}": must be spec.names.plural+"."+spec.group` }]),
    ...(versions.filter((v) => v.storage === true).length === 1
      ? []
      : [{ field: 'spec.versions', message: 'Invalid value: must have exactly one version marked as storage version' }]),
    ...versions.flatMap((version, i) =>
      isDict(at(version, 'schema', 'openAPIV3Schema'))
        ? []
        : [{ field: `spec.versions[${i}].schema.openAPIV3Schema`, message: 'Required value: schemas are required' }],
    ),
  ];
};

/** Throws Invalid (422) with every cause. */
export const validate = (kind: Kind, object: KubeObject): void => {
  // What a definition brings may have the name of a kind that is known, and nothing else of it.
  const ofKind = isCustomKind(kind) ? [] : kindCauses(object);
  const causes = [...nameCauses(kind, object.metadata.name), ...labelCauses(labelsOf(object)), ...ofKind];
  if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
};

const IMMUTABLE: Record<string, string[][]> = {
  Deployment: [['spec', 'selector']],
  DaemonSet: [['spec', 'selector']],
  ReplicaSet: [['spec', 'selector']],
  Job: [
    ['spec', 'selector'],
    ['spec', 'template'],
  ],
  RoleBinding: [['roleRef']],
  ClusterRoleBinding: [['roleRef']],
  CertificateSigningRequest: [['spec']],
  PersistentVolumeClaim: [
    ['spec', 'accessModes'],
    ['spec', 'storageClassName'],
  ],
  StorageClass: [['provisioner'], ['parameters'], ['reclaimPolicy'], ['volumeBindingMode']],
  Secret: [['type']],
  Pod: [
    ['spec', 'volumes'],
    ['spec', 'serviceAccountName'],
  ],
};

const STATEFUL_CHANGEABLE = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

const fixed = (before: KubeObject, after: KubeObject): Cause[] => {
  if (after.kind === 'StatefulSet') {
    const keys = new Set([...Object.keys(spec(before)), ...Object.keys(spec(after))]);
    const changed = [...keys].some((k) => !STATEFUL_CHANGEABLE.has(k) && !sameJson(spec(before)[k], spec(after)[k]));
    const message =
      "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
    return changed ? [{ field: 'spec', message }] : [];
  }
  if (after.kind === 'Service') {
    const [old, now] = [spec(before).clusterIP, spec(after).clusterIP];
    return old !== undefined && now !== old && now !== undefined
      ? [{ field: 'spec.clusterIPs[0]', message: `Invalid value: ["${String(now)}"]: may not change once set` }]
      : [];
  }
  const paths = IMMUTABLE[after.kind] ?? [];
  const wasSet = (path: string[]): boolean => at(before, ...path) !== undefined;
  return paths
    .filter((p) => wasSet(p) && !sameJson(at(before, ...p), at(after, ...p)))
    .map((p) => ({ field: p.join('.'), message: `Invalid value: ${JSON.stringify(at(after, ...p))}: field is immutable` }));
};

export const validateChange = (kind: Kind, before: KubeObject, after: KubeObject): void => {
  if (isCustomKind(kind)) return;
  const locked = before.immutable === true && !sameJson([before.data, before.immutable], [after.data, after.immutable]);
  const causes = [
    ...fixed(before, after),
    ...(locked ? [{ field: 'data', message: 'Forbidden: field is immutable when `immutable` is set' }] : []),
  ];
  if (causes.length > 0) throw invalid(kind, after.metadata.name, causes);
};

export const isImageName = (image: string): boolean => IMAGE.test(image);
