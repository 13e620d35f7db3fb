import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';

type Cluster = { id: string; name: string; state: string };
type Change = { clusters: { what: 'CREATED' | 'CHANGED' | 'DELETED'; cluster: Cluster } };
const LIST = gql<{ clusters: { nodes: Cluster[] } }>`{ clusters(first: 100) { nodes { id name state } } }`;
const CHANGES = gql<Change>`subscription { clusters { what cluster { id name state } } }`;

/** Shows the project's clusters, and again after each change. A connection that broke is made anew, and the list asked for again. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  let clusters: Cluster[] = [];
  let listed: PromiseLike<void> = Promise.resolve();
  const set = (now: Cluster[]) => {
    clusters = now;
    show(now);
  };
  const connected = () => {
    listed = client.query(LIST, {}).then(({ data }) => set(data?.clusters.nodes ?? clusters));
  };
  const headers = () => ({ 'X-Auth-Token': token() });
  const socket = createClient({ url: url.replace(/^http/, 'ws'), connectionParams: headers, retryAttempts: Infinity, on: { connected } });
  const overSocket = subscriptionExchange({
    // One connection keeps the order: the subscription runs before the list is read.
    isSubscriptionOperation: ({ kind }) => kind !== 'mutation',
    forwardSubscription: ({ query = '' }) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query }, sink) }) }),
  });
  const exchanges = [overSocket, fetchExchange];
  const client = new Client({ url, exchanges, preferGetMethod: false, fetchOptions: () => ({ headers: headers() }) });
  const take = ({ what, cluster }: Change['clusters']) =>
    set([...clusters.filter(({ id }) => id !== cluster.id), ...(what === 'DELETED' ? [] : [cluster])]);
  client.subscription(CHANGES, {}).subscribe(({ data }) => void listed.then(() => data && take(data.clusters)));
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
