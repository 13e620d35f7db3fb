/** The kinds that cert-manager brings. Their fields are open: its webhook judges them, in the words of the version that runs. */
import type { KubernetesObject } from '../../controlPlane/object.ts';
import type { Parts } from '../parts.ts';

export const GROUP = 'cert-manager.io';
const ACME = 'acme.cert-manager.io';

interface Definition {
  group: string;
  kind: string;
  plural: string;
  shortNames?: string[];
  cluster?: true;
  /** It names its issuer, and can be looked for by it. */
  issued?: true;
  /** Name of a column → what it shows; after a blank, a lower priority. */
  columns: Record<string, string>;
}

const ready = (field: string): string => `.status.conditions[?(@.type == "Ready")].${field}`;
const ISSUER = { Ready: ready('status'), Status: `${ready('message')} 1` };

const DEFINITIONS: readonly Definition[] = [
  { group: GROUP, kind: 'Issuer', plural: 'issuers', shortNames: ['iss'], columns: ISSUER },
  { group: GROUP, kind: 'ClusterIssuer', plural: 'clusterissuers', shortNames: ['ciss'], cluster: true, columns: ISSUER },
  {
    group: GROUP,
    kind: 'Certificate',
    plural: 'certificates',
    shortNames: ['cert', 'certs'],
    issued: true,
    columns: { Ready: ready('status'), Secret: '.spec.secretName', Issuer: '.spec.issuerRef.name 1', Status: `${ready('message')} 1` },
  },
  {
    group: GROUP,
    kind: 'CertificateRequest',
    plural: 'certificaterequests',
    shortNames: ['cr', 'crs'],
    issued: true,
    columns: {
      Approved: '.status.conditions[?(@.type == "Approved")].status',
      Denied: '.status.conditions[?(@.type == "Denied")].status',
      Ready: ready('status'),
      Issuer: '.spec.issuerRef.name',
      Requester: '.spec.username',
      Status: `${ready('message')} 1`,
    },
  },
  {
    group: ACME,
    kind: 'Order',
    plural: 'orders',
    issued: true,
    columns: { State: '.status.state', Issuer: '.spec.issuerRef.name 1', Reason: '.status.reason 1' },
  },
  {
    group: ACME,
    kind: 'Challenge',
    plural: 'challenges',
    issued: true,
    columns: { State: '.status.state', Domain: '.spec.dnsName', Reason: '.status.reason 1' },
  },
];

/** What is lost when the kinds go: nobody can make these again from anything else. */
export const KEPT = ['Issuer', 'ClusterIssuer', 'Certificate'] as const;

export const buildKinds = (parts: Parts): KubernetesObject[] =>
  DEFINITIONS.map((definition) => {
    const { group, kind, plural, shortNames, cluster } = definition;
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: parts.clusterMeta(`${plural}.${group}`),
      spec: {
        group,
        names: {
          kind,
          listKind: `${kind}List`,
          plural,
          singular: kind.toLowerCase(),
          categories: group === ACME ? ['cert-manager', 'cert-manager-acme'] : ['cert-manager'],
          ...(shortNames !== undefined && { shortNames }),
        },
        scope: cluster ? 'Cluster' : 'Namespaced',
        versions: [buildVersion(definition)],
      },
    };
  });

const buildVersion = ({ issued, columns }: Definition): object => ({
  name: 'v1',
  served: true,
  storage: true,
  subresources: { status: {} },
  additionalPrinterColumns: [
    ...Object.entries(columns).map(columnOf),
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  schema: {
    openAPIV3Schema: {
      type: 'object',
      required: ['spec'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: { type: 'object' },
        spec: { ...OPEN, ...(issued && { required: ['issuerRef'], properties: { issuerRef: ISSUER_REF } }) },
        status: { ...OPEN, properties: { conditions: CONDITIONS } },
      },
    },
  },
  ...(issued && { selectableFields: ['group', 'kind', 'name'].map((field) => ({ jsonPath: `.spec.issuerRef.${field}` })) }),
});

const columnOf = ([name, value]: [string, string]): object => {
  const [, jsonPath = value, priority] = /^(.*?)(?: (\d))?$/.exec(value) ?? [];
  return { name, type: 'string', jsonPath, ...(priority !== undefined && { priority: Number(priority) }) };
};

const OPEN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const TEXT = { type: 'string' };
const ISSUER_REF = { type: 'object', required: ['name'], properties: { group: TEXT, kind: TEXT, name: TEXT } };
const CONDITIONS = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: { ...OPEN, required: ['type', 'status'], properties: { type: TEXT, status: TEXT } },
};
