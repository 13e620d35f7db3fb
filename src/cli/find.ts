/** Finding objects by name or id, and reading whole lists. */
import type { Client } from '../client/client.ts';
import { ADDON_BUNDLE_BY_NAME, CLUSTER_BY_NAME, MORE_NODES, SEED_BY_NAME, TEMPLATE_BY_NAME } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { AddonBundle, Cluster, ClusterNode, Page, Seed, Template } from '../client/types.ts';

/** All rows of a list. `read`: a page of it, from a cursor on; undefined where there is none. */
export const listPages = async <T>(read: (after: string | null) => Promise<Page<T> | undefined>): Promise<T[]> => {
  const all: T[] = [];
  let after: string | null = null;
  do {
    const page: Page<T> | undefined = await read(after);
    all.push(...(page?.nodes ?? []));
    after = page?.pageInfo.hasNextPage === true ? page.pageInfo.endCursor : null;
  } while (after !== null);
  return all;
};

/** All pages of a list. `noun`: the query's field. */
export const listAll = <T>(client: Client, document: string, noun: string, variables: object = {}): Promise<T[]> =>
  listPages(async (after) => (await client.request<Record<string, Page<T>>>(document, { ...variables, after }))[noun]);

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const byNameOrId = (text: string) => (UUID.test(text) ? { id: text } : { name: text });

/** @throws ClientError NOT_FOUND. */
export const get = async <T>(
  client: Client,
  document: string,
  field: string,
  what: string,
  nameOrId: string,
  more: object = {},
): Promise<T> => {
  const found = (await client.request<Record<string, T | null>>(document, { ...byNameOrId(nameOrId), ...more }))[field];
  if (found == null) throw new ClientError('NOT_FOUND', `${what} ${nameOrId} was not found.`);
  return found;
};

/** Each throws ClientError NOT_FOUND. */
export const getCluster = async (client: Client, nameOrId: string): Promise<Cluster> => {
  const cluster = await get<Cluster>(client, CLUSTER_BY_NAME, 'cluster', 'Cluster', nameOrId);
  let { pageInfo } = cluster.nodes;
  while (pageInfo.hasNextPage) {
    const variables = { id: cluster.uuid, after: pageInfo.endCursor };
    const more: { cluster: { nodes: Page<ClusterNode> } | null } = await client.request(MORE_NODES, variables);
    if (more.cluster === null) break;
    cluster.nodes.nodes.push(...more.cluster.nodes.nodes);
    pageInfo = more.cluster.nodes.pageInfo;
  }
  return cluster;
};
export const getSeed = (client: Client, nameOrId: string) => get<Seed>(client, SEED_BY_NAME, 'seed', 'Seed', nameOrId);
export const getTemplate = (client: Client, nameOrId: string) =>
  get<Template>(client, TEMPLATE_BY_NAME, 'clusterTemplate', 'Cluster template', nameOrId);
export const getAddonBundle = (client: Client, nameOrId: string) =>
  get<AddonBundle>(client, ADDON_BUNDLE_BY_NAME, 'addonBundle', 'Addon bundle', nameOrId);
