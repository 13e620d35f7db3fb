import { createClient } from 'graphql-ws';

type Cluster = { id: string; name: string; state: string };
type Change = { clusters: { what: 'CREATED' | 'CHANGED' | 'DELETED'; cluster: Cluster } };
const LIST = '{ clusters(first: 100) { nodes { id name state } } }';
const CHANGES = 'subscription { clusters { what cluster { id name state } } }';

/** Shows the project's clusters, and again after each change. A connection that broke is made anew, and the list asked for again. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  const clusters = new Map<string, Cluster>();
  let listed = Promise.resolve();
  const list = async () => {
    const { value } = await client.iterate<{ clusters: { nodes: Cluster[] } }>({ query: LIST }).next();
    clusters.clear();
    for (const cluster of value?.data?.clusters.nodes ?? []) clusters.set(cluster.id, cluster);
    show([...clusters.values()]);
  };
  const connected = () => {
    listed = list();
  };
  const connectionParams = () => ({ 'X-Auth-Token': token() });
  const client = createClient({ url: url.replace(/^http/, 'ws'), connectionParams, retryAttempts: Infinity, on: { connected } });
  const take = ({ what, cluster }: Change['clusters']) => {
    if (what === 'DELETED') clusters.delete(cluster.id);
    else clusters.set(cluster.id, cluster);
    show([...clusters.values()]);
  };
  // A change that comes while the list is read is later than the list.
  const next = ({ data }: { data?: Change | null }) => void listed.then(() => data && take(data.clusters));
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
