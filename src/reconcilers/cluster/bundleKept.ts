/** What a customer would lose with objects of an addon bundle: it has to be deleted by the customer first. */
import type { Kubernetes } from '../../seeds/connection.ts';
import { groupOf, type KubernetesObject, type ObjectRef, refOfKey } from '../../seeds/kinds.ts';

const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };

/** What is to be deleted first, as a phrase that "would be lost" ends; null: nothing. `own`: keys of all that was applied of the bundle. */
export const keptFor = async (kube: Kubernetes, doomed: readonly ObjectRef[], own: ReadonlySet<string>): Promise<string | null> => {
  for (const ref of doomed) {
    const kept =
      ref.kind === 'CustomResourceDefinition'
        ? await objectsOfDefinition(kube, ref, own)
        : ref.kind === 'PersistentVolumeClaim'
          ? claimsKept([await kube.get(ref)])
          : ref.kind === 'Namespace'
            ? claimsKept((await kube.list({ ...CLAIM, namespace: ref.name })).items)
            : null;
    if (kept !== null) return kept;
  }
  return null;
};

/** One that is on its way out was given up by its owner. */
const claimsKept = (claims: readonly (KubernetesObject | undefined)[]): string | null => {
  const [first] = claims.filter((claim) => claim !== undefined && claim.metadata.deletionTimestamp === undefined);
  return first === undefined ? null : `PersistentVolumeClaim ${first.metadata.namespace}/${first.metadata.name} to be deleted: its data`;
};

interface Definition {
  spec?: { group?: string; names?: { kind?: string }; versions?: { name: string; served?: boolean }[] };
}

const objectsOfDefinition = async (kube: Kubernetes, ref: ObjectRef, own: ReadonlySet<string>): Promise<string | null> => {
  const { spec } = ((await kube.get(ref)) ?? {}) as Definition;
  const { group, names, versions } = spec ?? {};
  const version = versions?.find(({ served }) => served === true)?.name;
  const kind = names?.kind;
  if (group === undefined || kind === undefined || version === undefined) return null;
  const ours = new Set(
    [...own]
      .map(refOfKey)
      .filter((one) => one.kind === kind && groupOf(one.apiVersion) === group)
      .map(({ namespace, name }) => `${namespace ?? ''}/${name}`),
  );
  let count = 0;
  for await (const page of kube.pages({ apiVersion: `${group}/${version}`, kind, metadataOnly: true }))
    count += page.filter(({ metadata }) => !ours.has(`${metadata.namespace ?? ''}/${metadata.name}`)).length;
  return count === 0 ? null : `${count} of the kind ${kind} to be deleted: they`;
};
