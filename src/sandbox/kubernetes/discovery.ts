/** What clients ask before they ask for objects: groups, resources, version, and enough OpenAPI for kubectl's server-side validation. */
import { groupVersion, type Kind, kinds } from './kinds.ts';
import type { Dict } from './objects.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUBRESOURCES: Record<string, { kind: string; group?: string; version?: string; verbs: string[] }> = {
  status: { kind: '', verbs: ['get', 'patch', 'update'] },
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] },
  log: { kind: 'Pod', verbs: ['get'] },
  token: { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  eviction: { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  approval: { kind: '', verbs: ['get', 'patch', 'update'] },
  finalize: { kind: '', verbs: ['update'] },
  exec: { kind: 'PodExecOptions', verbs: ['create', 'get'] },
  attach: { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  portforward: { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  proxy: { kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
};

type Kinds = readonly Kind[];

const groupsOf = (all: Kinds): string[] => [...new Set(all.map((k) => k.group))];
const versionsOf = (all: Kinds, group: string): string[] => [...new Set(all.filter((k) => k.group === group).map((k) => k.version))];
const verbsOf = (kind: Kind): string[] => (kind.virtual ? ['create'] : VERBS);

const legacyResource = (kind: Kind): Dict[] => [
  {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
  },
  ...kind.subresources.map((s) => {
    const known = SUBRESOURCES[s] ?? { kind: '', verbs: ['get'] };
    const foreign = known.group ? { group: known.group, version: known.version } : {};
    return {
      name: `${kind.plural}/${s}`,
      singularName: '',
      namespaced: kind.namespaced,
      kind: known.kind || kind.kind,
      verbs: known.verbs,
      ...foreign,
    };
  }),
];

const modernResource = (kind: Kind): Dict => ({
  resource: kind.plural,
  responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
  scope: kind.namespaced ? 'Namespaced' : 'Cluster',
  singularResource: kind.singular,
  verbs: verbsOf(kind),
  ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
  ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
  ...(kind.subresources.length > 0
    ? {
        subresources: kind.subresources.map((s) => {
          const known = SUBRESOURCES[s] ?? { kind: '', verbs: ['get'] };
          return {
            subresource: s,
            responseKind: { group: known.group ?? kind.group, version: known.version ?? kind.version, kind: known.kind || kind.kind },
            verbs: known.verbs,
          };
        }),
      }
    : {}),
});

const modernList = (all: Kinds, wanted: string[]): Dict => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: wanted.map((group) => ({
    metadata: { ...(group ? { name: group } : {}), creationTimestamp: null },
    versions: versionsOf(all, group).map((version) => ({
      version,
      freshness: 'Current',
      resources: all.filter((k) => k.group === group && k.version === version).map(modernResource),
    })),
  })),
});

const groupEntry = (all: Kinds, group: string): Dict => {
  const versions = versionsOf(all, group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
};

const resourceList = (all: Kinds, group: string, version: string): Dict | undefined => {
  const found = all.filter((k) => k.group === group && k.version === version);
  if (found.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group ? `${group}/${version}` : version,
    resources: found.flatMap(legacyResource),
  };
};

const openApiPath = (gv: string): string => (gv.includes('/') ? `apis/${gv}` : `api/${gv}`);

/** Only what kubectl looks for before it trusts the server to validate: the parameters of each kind's patch. */
const openApiOf = (all: Kinds, gv: string): Dict => {
  const found = all.filter((k) => groupVersion(k) === gv);
  const parameter = (name: string): Dict => ({ name, in: 'query', schema: { type: 'string' } });
  const operation = (k: Kind): Dict => ({
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: k.group, kind: k.kind, version: k.version },
    parameters: ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(parameter),
    responses: { 200: { description: 'OK' } },
  });
  const paths = found.map((k) => [
    `/${openApiPath(gv)}/${k.namespaced ? 'namespaces/{namespace}/' : ''}${k.plural}/{name}`,
    { patch: operation(k) },
  ]);
  const schemas = found.map((k) => [
    `sandbox.${gv.replaceAll('/', '.')}.${k.kind}`,
    { type: 'object', 'x-kubernetes-group-version-kind': [{ group: k.group, kind: k.kind, version: k.version }] },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: Object.fromEntries(paths),
    components: { schemas: Object.fromEntries(schemas) },
  };
};

const cache = new Map<string, string>();
const cached = (key: string, make: () => Dict | undefined): string | undefined => {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  if (made === undefined) return undefined;
  const body = JSON.stringify(made);
  cache.set(key, body);
  return body;
};

export interface DiscoveryAnswer {
  body: string;
  contentType: string;
}

/** The answer to a discovery path, as JSON text that clusters without kinds of their own (`customs`) share; undefined when the path is not one. */
export const discover = (path: string, accept: string, customs: Kinds = []): DiscoveryAnswer | undefined => {
  const all = [...kinds, ...customs];
  const groups = groupsOf(all);
  const textOf = (key: string, make: () => Dict | undefined): string | undefined => {
    if (customs.length === 0) return cached(key, make);
    const made = make();
    return made === undefined ? undefined : JSON.stringify(made);
  };
  const modern = accept.includes('as=APIGroupDiscoveryList');
  const parts = path.split('/').filter(Boolean);
  const answer = (make: () => Dict | undefined): DiscoveryAnswer | undefined => {
    const body = textOf(`${modern}${path}`, make);
    return body === undefined ? undefined : { body, contentType: 'application/json' };
  };
  if ((path === '/api' || path === '/apis') && modern) {
    const body = textOf(`modern${path}`, () => modernList(all, path === '/api' ? [''] : groups.filter(Boolean))) ?? '';
    return { body, contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' };
  }
  if (path === '/api') return answer(() => ({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }));
  if (path === '/apis')
    return answer(() => ({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groups.filter(Boolean).map((group) => groupEntry(all, group)),
    }));
  if (parts[0] === 'api' && parts.length === 2) return answer(() => resourceList(all, '', parts[1] ?? ''));
  if (parts[0] === 'apis' && parts.length === 2)
    return answer(() =>
      groups.includes(parts[1] ?? '-') ? { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(all, parts[1] ?? '') } : undefined,
    );
  if (parts[0] === 'apis' && parts.length === 3) return answer(() => resourceList(all, parts[1] ?? '', parts[2] ?? ''));
  // The old description, which kubectl reads for lists of objects only: an empty one (in protobuf: no bytes) makes it leave the judging to the server.
  if (path === '/openapi/v2') return { body: '', contentType: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' };
  const gvs = [...new Set(all.map(groupVersion))];
  if (path === '/openapi/v3')
    return answer(() => ({
      paths: Object.fromEntries(gvs.map((gv) => [openApiPath(gv), { serverRelativeURL: `/openapi/v3/${openApiPath(gv)}?hash=1` }])),
    }));
  if (path.startsWith('/openapi/v3/')) {
    const gv = gvs.find((g) => path === `/openapi/v3/${openApiPath(g)}`);
    return gv === undefined ? undefined : answer(() => openApiOf(all, gv));
  }
  return undefined;
};

/** `/version` of a release such as v1.36.3. */
export const versionBody = (gitVersion: string): Dict => {
  const [, major = '1', minor = '0'] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    gitVersion,
    gitCommit: 'sandbox',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'sandbox',
    platform: 'linux/amd64',
  };
};
