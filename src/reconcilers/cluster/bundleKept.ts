/** What a customer would lose with objects of an addon bundle: it has to be deleted by the customer first. */

import { NotFound } from '../../domain/errors.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import { groupOf, identityOf, type KindRef, type KubernetesObject, type ObjectRef, refOf } from '../../seeds/kinds.ts';

const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
const DEFINITION = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };

/** What people put into a namespace and would miss. */
const MISSED: readonly KindRef[] = [
  ...['Secret', 'ConfigMap', 'Service', 'Pod'].map((kind) => ({ apiVersion: 'v1', kind })),
  ...['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => ({ apiVersion: 'apps/v1', kind })),
  ...['Job', 'CronJob'].map((kind) => ({ apiVersion: 'batch/v1', kind })),
];

/** A definition may have hundreds of KiB. */
const DEFINITIONS_AT_ONCE = 10;

/** What is to be deleted first, as a phrase that "would be lost" ends; null: nothing. `own`: all that was applied of the bundle. */
export const keptFor = async (kube: Kubernetes, doomed: readonly ObjectRef[], own: readonly ObjectRef[]): Promise<string | null> => {
  const look = { kube, own: new Set(own.map(identityOf)) };
  for (const ref of doomed) {
    const kept = await KEPT[kindKey(ref)]?.(look, ref);
    if (kept != null) return kept;
  }
  return null;
};

interface Look {
  kube: Kubernetes;
  /** Identities. */
  own: ReadonlySet<string>;
}

/** One that is on its way out was given up by its owner. */
const isGoing = ({ metadata }: KubernetesObject): boolean => metadata.deletionTimestamp !== undefined;

const claimKept = (claim: KubernetesObject | undefined): string | null =>
  claim === undefined || isGoing(claim)
    ? null
    : `PersistentVolumeClaim ${claim.metadata.namespace}/${claim.metadata.name} to be deleted: its data`;

const keptInNamespace = async (look: Look, ref: ObjectRef): Promise<string | null> => {
  const live = await look.kube.get(ref);
  if (live === undefined || isGoing(live)) return null;
  const namespace = ref.name;
  const claim = claimKept(await firstOf(look, { ...CLAIM, namespace }, (one) => !isGoing(one)));
  if (claim !== null) return claim;
  const missed = (one: KubernetesObject) => isForeign(look, one) && one.metadata.ownerReferences === undefined && !isDefault(one);
  for await (const kind of kindsIn(look)) {
    const found = await firstOf(look, { ...kind, namespace }, missed);
    if (found !== undefined) return `${found.kind} ${namespace}/${found.metadata.name} to be deleted, or the namespace with all in it: it`;
  }
  return null;
};

const kindsIn = async function* ({ kube }: Look): AsyncGenerator<KindRef> {
  yield* MISSED;
  for await (const page of kube.pages({ ...DEFINITION, limit: DEFINITIONS_AT_ONCE }))
    for (const definition of page as Definition[]) {
      const kind = kindOf(definition);
      if (kind !== null && definition.spec?.scope === 'Namespaced') yield kind;
    }
};

/** Read page by page, and no further than to the first. Of a kind that is served no more there is none to be seen. */
const firstOf = async (
  { kube }: Look,
  query: KindRef & { namespace: string },
  fits: (object: KubernetesObject) => boolean,
): Promise<KubernetesObject | undefined> => {
  try {
    for await (const page of kube.pages({ ...query, metadataOnly: true })) {
      const found = page.find(fits);
      if (found !== undefined) return found;
    }
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
  return undefined;
};

const isForeign = ({ own }: Look, object: KubernetesObject): boolean => !isGoing(object) && !own.has(identityOf(refOf(object)));

/** Kubernetes makes these in every namespace. */
const isDefault = ({ kind, metadata }: KubernetesObject): boolean =>
  kind === 'ConfigMap'
    ? metadata.name === 'kube-root-ca.crt'
    : kind === 'Secret' && metadata.annotations?.['kubernetes.io/service-account.name'] === 'default';

interface Definition extends KubernetesObject {
  spec?: { group?: string; scope?: string; names?: { kind?: string }; versions?: { name: string; served?: boolean }[] };
}

/** null: no version of it is served. */
const kindOf = ({ spec }: Definition): KindRef | null => {
  const version = spec?.versions?.find(({ served }) => served === true)?.name;
  const kind = spec?.names?.kind;
  return version === undefined || kind === undefined ? null : { apiVersion: `${spec?.group}/${version}`, kind };
};

const keptOfDefinition = async (look: Look, ref: ObjectRef): Promise<string | null> => {
  const definition = (await look.kube.get(ref)) as Definition | undefined;
  if (definition === undefined || isGoing(definition)) return null;
  const kind = kindOf(definition);
  if (kind === null) return `CustomResourceDefinition ${ref.name} to be served again, or deleted: objects that nobody can see now`;
  for await (const page of look.kube.pages({ ...kind, metadataOnly: true })) {
    const found = page.find((one) => isForeign(look, one));
    if (found !== undefined) {
      const { namespace, name } = found.metadata;
      return `${kind.kind} ${namespace === undefined ? '' : `${namespace}/`}${name} to be deleted: it`;
    }
  }
  return null;
};

const kindKey = ({ apiVersion, kind }: KindRef): string => `${groupOf(apiVersion)}/${kind}`;

const KEPT: Record<string, (look: Look, ref: ObjectRef) => Promise<string | null>> = {
  [kindKey(CLAIM)]: async ({ kube }, ref) => claimKept(await kube.get(ref)),
  [kindKey(DEFINITION)]: keptOfDefinition,
  '/Namespace': keptInNamespace,
};
