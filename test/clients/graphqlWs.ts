import { createClient } from 'graphql-ws';

type Cluster = { id: string; name: string; state: string };
type Change = { clusters: { what: 'CREATED' | 'CHANGED' | 'DELETED'; resync: boolean; cluster: Cluster } };
const LIST = '{ clusters(first: 100) { nodes { id name state } } }';
const CHANGES = 'subscription { clusters { what resync cluster { id name state } } }';

/** Shows the project's clusters, and again after each change. A connection that broke is made anew, and the list asked for again. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  let latest = Promise.resolve(new Map<string, Cluster>());
  const set = (next: typeof latest) => {
    latest = next;
    next.then((clusters) => next === latest && show([...clusters.values()]), console.error);
  };
  const list = async (): typeof latest => {
    const { value } = await client.iterate({ query: LIST }).next();
    return new Map(value.data.clusters.nodes.map((cluster: Cluster) => [cluster.id, cluster]));
  };
  const changed = async ({ what, cluster }: Change['clusters']) => {
    const clusters = new Map(await latest).set(cluster.id, cluster);
    if (what === 'DELETED') clusters.delete(cluster.id);
    return clusters;
  };
  const retryWait = () => new Promise<void>((again) => setTimeout(again, 1_000 + 4_000 * Math.random()));
  const options = { connectionParams: () => ({ 'X-Auth-Token': token() }), retryAttempts: Infinity, shouldRetry: () => true, retryWait };
  const client = createClient({ url: url.replace(/^http/, 'ws'), ...options, on: { connected: () => set(list()) } });
  const next = ({ data }: { data?: Change | null }) => data && set(data.clusters.resync ? list() : changed(data.clusters));
  client.subscribe<Change>({ query: CHANGES }, { next, error: console.error, complete: () => {} });
  return client;
};

const CREATE = `mutation ($input: CreateClusterInput!) {
  createCluster(input: $input) { __typename ... on CreateClusterPayload { cluster { name } } ... on Problem { message field } }
}`;
type Created = { createCluster: { __typename: string; cluster?: { name: string }; message?: string } };

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = async (client: ReturnType<typeof liveClusters>, name: string): Promise<string> => {
  const variables = { input: { name, clusterTemplate: 'small', nodeCount: 1 } };
  const { value } = await client.iterate<Created>({ query: CREATE, variables }).next();
  const made = value?.data?.createCluster;
  if (made?.cluster === undefined) throw new Error(made?.message ?? JSON.stringify(value?.errors));
  return made.cluster.name;
};
