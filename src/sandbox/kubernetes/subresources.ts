/** Subresources that are more than a part of their object: scale, log, token, eviction, binding. */
import { signServiceAccountToken } from './authentication.ts';
import type { Cluster } from './cluster.ts';
import { requireBudget } from './controllers/disruptions.ts';
import { deleteObject } from './deletion.ts';
import { type Kind, POD } from './kinds.ts';
import {
  at,
  type Dict,
  dict,
  dicts,
  isDict,
  type KubeObject,
  namespaceOf,
  number,
  spec,
  status,
  text,
  texts,
  timestamp,
} from './objects.ts';
import { mergePatch } from './patches.ts';
import { getObject, type PatchType, patchObject, replaceObject, type WriteContext } from './resources.ts';
import { badRequest, StatusError } from './statusError.ts';

const selectorText = (object: KubeObject): string =>
  Object.entries(dict(at(object, 'spec', 'selector', 'matchLabels')))
    .map(([k, v]) => `${k}=${String(v)}`)
    .join(',');

const scaleOf = (object: KubeObject): Dict => ({
  kind: 'Scale',
  apiVersion: 'autoscaling/v1',
  metadata: {
    name: object.metadata.name,
    namespace: namespaceOf(object),
    uid: object.metadata.uid,
    resourceVersion: object.metadata.resourceVersion,
    creationTimestamp: object.metadata.creationTimestamp,
  },
  spec: { replicas: number(spec(object).replicas, 0) },
  status: { replicas: number(status(object).replicas, 0), selector: selectorText(object) },
});

interface Target {
  kind: Kind;
  namespace: string;
  name: string;
}

/** GET, PUT and PATCH of /scale. */
export const scale = (
  cluster: Cluster,
  target: Target,
  change: { type: PatchType | 'replace'; body: unknown } | undefined,
  context: WriteContext,
): Dict => {
  const object = getObject(cluster, target.kind, target.namespace, target.name);
  if (!change) return scaleOf(object);
  const asked = change.type === 'replace' ? change.body : mergePatch(scaleOf(object), change.body);
  const replicas = at(asked, 'spec', 'replicas') ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw new StatusError(422, 'Invalid', 'spec.replicas: Invalid value: must be greater than or equal to 0');
  const resourceVersion = text(at(asked, 'metadata', 'resourceVersion'));
  const metadata = change.type === 'replace' && resourceVersion ? { resourceVersion } : {};
  const { object: changed } = patchObject(
    cluster,
    target,
    { type: 'merge', body: { metadata, spec: { replicas } }, force: false },
    { ...context, subresource: undefined },
  );
  return scaleOf(changed);
};

/** A TokenRequest answered with a signed token. */
export const issueToken = (cluster: Cluster, target: Target, body: Dict): Dict => {
  const account = getObject(cluster, target.kind, target.namespace, target.name);
  if (!cluster.tokenKeys) throw new StatusError(500, 'InternalError', 'this API server has no service account signing key');
  const seconds = number(at(body, 'spec', 'expirationSeconds'), 3600);
  const token = signServiceAccountToken(
    cluster.tokenKeys,
    { namespace: target.namespace, name: target.name, uid: account.metadata.uid },
    cluster.now(),
    seconds,
  );
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: target.name, namespace: target.namespace, creationTimestamp: timestamp(cluster.now()) },
    spec: { audiences: texts(at(body, 'spec', 'audiences')), expirationSeconds: seconds },
    status: { token, expirationTimestamp: timestamp(cluster.now() + seconds * 1000) },
  };
};

/** POST to eviction or binding. */
export const podAction = (cluster: Cluster, target: Target, subresource: string, body: Dict, context: WriteContext): Dict => {
  const pod = getObject(cluster, POD, target.namespace, target.name);
  if (subresource === 'eviction') {
    requireBudget(cluster, pod);
    deleteObject(cluster, POD, target.namespace, target.name, dict(body.deleteOptions));
  } else if (subresource === 'binding') {
    const bound = { ...pod, spec: { ...spec(pod), nodeName: text(at(body, 'target', 'name')) } };
    replaceObject(cluster, POD, target.namespace, target.name, bound, { ...context, subresource: undefined });
  } else throw new StatusError(501, 'NotImplemented', `the sandbox runs no containers: ${subresource} is not possible`);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
};

export type PodLog = (pod: KubeObject, container: string) => string;
/** What a node's kubelet answers to a GET of a path. */
export type NodeProxy = (node: string, path: string) => string;

/** The log of a container; the first one unless the query names another. */
export const readLog = (cluster: Cluster, target: Target, query: URLSearchParams, podLog: PodLog): string => {
  const pod = getObject(cluster, POD, target.namespace, target.name);
  const names = [...dicts(spec(pod).containers), ...dicts(spec(pod).initContainers)].map((c) => text(c.name));
  const container = query.get('container') ?? names[0] ?? '';
  if (!names.includes(container)) throw badRequest(`container ${container} is not valid for pod ${target.name}`);
  const started = dicts(status(pod).containerStatuses).some((s) => s.name === container && !isDict(dict(s.state).waiting));
  const log = podLog(pod, container);
  if (log === '' && !started) throw badRequest(`container "${container}" in pod "${target.name}" is waiting to start: ContainerCreating`);
  const tail = Number(query.get('tailLines') ?? Number.NaN);
  const lines = log.split('\n').filter(Boolean);
  return (Number.isNaN(tail) ? lines : tail === 0 ? [] : lines.slice(-tail)).map((l) => `${l}\n`).join('');
};
