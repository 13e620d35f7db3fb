import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';

type Cluster = { id: string; name: string; state: string };
type Change = { clusters: { what: 'CREATED' | 'CHANGED' | 'DELETED'; resync: boolean; cluster: Cluster } };
const LIST = gql<{ clusters: { nodes: Cluster[] } }>`{ clusters(first: 100) { nodes { id name state } } }`;
const CHANGES = gql<Change>`subscription { clusters { what resync cluster { id name state } } }`;

/** Shows the project's clusters, and again after each change. A connection that broke is made anew, and the list asked for again. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  let latest = Promise.resolve<Cluster[]>([]);
  const set = (next: typeof latest) => {
    latest = next;
    void next.then((clusters) => next === latest && show(clusters));
  };
  const list = async (before = latest) => (await client.query(LIST, {})).data?.clusters.nodes ?? before;
  const changed = async ({ what, cluster }: Change['clusters']) =>
    (await latest).filter(({ id }) => id !== cluster.id).concat(what === 'DELETED' ? [] : [cluster]);
  const connectionParams = () => ({ 'X-Auth-Token': token() });
  const retryWait = () => new Promise<void>((again) => setTimeout(again, 1_000 + 4_000 * Math.random()));
  const options = { retryAttempts: Infinity, shouldRetry: () => true, retryWait, on: { connected: () => set(list()) } };
  const socket = createClient({ url: url.replace(/^http/, 'ws'), connectionParams, ...options });
  const overSocket = subscriptionExchange({
    isSubscriptionOperation: ({ kind }) => kind !== 'mutation',
    forwardSubscription: ({ query = '' }) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query }, sink) }) }),
  });
  const client = new Client({ url, exchanges: [overSocket, fetchExchange], fetchOptions: () => ({ headers: connectionParams() }) });
  client.subscription(CHANGES, {}).subscribe(({ data }) => data && set(data.clusters.resync ? list() : changed(data.clusters)));
  return { client, stop: () => socket.dispose() };
};

const CREATE = gql<{ createCluster: { cluster?: { name: string }; message?: string } }, { input: object }>`
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) { ... on CreateClusterPayload { cluster { name } } ... on Problem { message field } }
  }
`;

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = async (client: Client, name: string): Promise<string> => {
  const { data, error } = await client.mutation(CREATE, { input: { name, clusterTemplate: 'small', nodeCount: 1 } });
  if (data?.createCluster.cluster === undefined) throw error ?? new Error(data?.createCluster.message);
  return data.createCluster.cluster.name;
};
