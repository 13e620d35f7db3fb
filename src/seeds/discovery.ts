/** Where the objects of a kind are: from the tables, or for kinds that a cluster's own definitions bring, as its API server says. */
import { NotFound } from '../domain/errors.ts';
import { findResource, groupOf, groupPath, type KindRef, type Resource } from './kinds.ts';

interface ResourceList {
  resources?: { name: string; kind: string; namespaced: boolean }[];
}

/** Gives `use` where the kind is; once more when nothing is there because the kind has moved since. */
export type WithResource = <T>(ref: KindRef, use: (resource: Resource) => Promise<T>) => Promise<T>;

/** @throws (the function that is returned) NotFound for a kind that is not served, or not yet: the next call asks again. */
export const createDiscovery = (read: (path: string) => Promise<ResourceList>): WithResource => {
  const known = new Map<string, Resource>();
  const look = async ({ apiVersion, kind }: KindRef): Promise<Resource> => {
    const { resources = [] } = await read(groupPath(apiVersion)).catch((error: unknown): ResourceList => {
      if (error instanceof NotFound) return {};
      throw error;
    });
    // The others are parts of objects, such as "widgets/status".
    for (const { name, kind: served, namespaced } of resources)
      if (!name.includes('/')) known.set(`${apiVersion}/${served}`, { group: groupOf(apiVersion), plural: name, namespaced });
    const now = known.get(`${apiVersion}/${kind}`);
    if (now === undefined) throw new NotFound(`The kind ${kind} of ${apiVersion} in the cluster`);
    return now;
  };
  return async (ref, use) => {
    const fixed = findResource(ref);
    if (fixed !== undefined) return use(fixed);
    const key = `${ref.apiVersion}/${ref.kind}`;
    const kept = known.get(key);
    if (kept === undefined) return use(await look(ref));
    try {
      return await use(kept);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      known.delete(key);
      const now = await look(ref);
      if (now.plural === kept.plural && now.namespaced === kept.namespaced) throw error;
      return use(now);
    }
  };
};
