/** Objects in a customer's cluster that somebody else made: taking one over would change it now, and delete it with what it was taken for. */
import { CLUSTER_LABEL } from '../../controlPlane/object.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import { identityOf, type KubernetesObject, type ObjectRef, refOf, refOfKey } from '../../seeds/kinds.ts';
import type { ClusterScope } from './scope.ts';

export interface Applied {
  /** What was applied under the group. */
  own: readonly ObjectRef[];
  /** What else was applied to the cluster: identity to its group. */
  others: ReadonlyMap<string, string>;
}

/** By the inventory: what `group` has in the customer's cluster, and what the other groups have there. */
export const appliedOf = async (scope: ClusterScope, group: string): Promise<Applied> => {
  const rows = (await scope.applied()).filter(({ service }) => service === 'CLUSTER');
  return {
    own: rows.filter(({ kind }) => kind === group).map((row) => refOfKey(row.name)),
    others: new Map(rows.filter(({ kind }) => kind !== group).map((row) => [identityOf(refOfKey(row.name)), row.kind])),
  };
};

export interface Foreign {
  object: KubernetesObject;
  /** The group of the inventory that has it; null: it is not Seedbed's. */
  owner: string | null;
}

/** The first of the objects that is another's; asks the cluster only for those that the group does not have yet. */
export const findForeign = async (kube: Kubernetes, objects: readonly KubernetesObject[], applied: Applied): Promise<Foreign | null> => {
  const own = new Set(applied.own.map(identityOf));
  for (const object of objects) {
    const ref = refOf(object);
    const identity = identityOf(ref);
    if (own.has(identity)) continue;
    const owner = applied.others.get(identity);
    if (owner !== undefined) return { object, owner };
    const live = await kube.get(ref);
    if (live !== undefined && live.metadata.labels?.[CLUSTER_LABEL] === undefined) return { object, owner: null };
  }
  return null;
};
