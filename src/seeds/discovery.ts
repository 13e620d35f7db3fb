/** Where the objects of a kind are: from the tables, or for kinds that a cluster's own definitions bring, as its API server says. */
import { NotFound } from '../domain/errors.ts';
import { findResource, groupOf, groupPath, type KindRef, type Resource } from './kinds.ts';

interface ResourceList {
  resources?: { name: string; kind: string; namespaced: boolean }[];
}

export type FindResource = (ref: KindRef) => Promise<Resource>;

/** @throws (the function that is returned) NotFound for a kind that is not served, or not yet: the next call asks again. */
export const createDiscovery = (read: (path: string) => Promise<ResourceList>): FindResource => {
  const known = new Map<string, Resource>();
  return async (ref) => {
    const { apiVersion, kind } = ref;
    const key = `${apiVersion}/${kind}`;
    const found = findResource(ref) ?? known.get(key);
    if (found !== undefined) return found;
    const { resources = [] } = await read(groupPath(apiVersion)).catch((error: unknown): ResourceList => {
      if (error instanceof NotFound) return {};
      throw error;
    });
    // The others are parts of objects, such as "widgets/status".
    for (const { name, kind: served, namespaced } of resources)
      if (!name.includes('/')) known.set(`${apiVersion}/${served}`, { group: groupOf(apiVersion), plural: name, namespaced });
    const now = known.get(key);
    if (now === undefined) throw new NotFound(`The kind ${kind} of ${apiVersion} in the cluster`);
    return now;
  };
};
