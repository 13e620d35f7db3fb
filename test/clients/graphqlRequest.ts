import { GraphQLClient, gql } from 'graphql-request';
import { createClient } from 'graphql-ws';

type Cluster = { id: string; name: string; state: string };
type Change = { what: 'CREATED' | 'CHANGED' | 'DELETED'; resync: boolean; cluster: Cluster };

/** graphql-request sends queries and mutations; it has no subscriptions of its own, so graphql-ws stands beside it. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  const headers = () => ({ 'X-Auth-Token': token() });
  const client = new GraphQLClient(url, { headers });
  let clusters: Cluster[] = [];
  let listed = Promise.resolve();
  const list = async () => {
    const LIST = gql`{ clusters(first: 100) { nodes { id name state } } }`;
    clusters = (await client.request<{ clusters: { nodes: Cluster[] } }>(LIST)).clusters.nodes;
    show(clusters);
  };
  const listAgain = () => {
    listed = list().catch(console.error);
  };
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    retryAttempts: Infinity,
    // A server that is being started again refuses connections.
    shouldRetry: () => true,
    retryWait: () => new Promise((again) => setTimeout(again, 1_000 + 4_000 * Math.random())),
    on: { connected: listAgain },
  });
  const take = ({ what, resync, cluster }: Change) => {
    clusters = [...clusters.filter(({ id }) => id !== cluster.id), ...(what === 'DELETED' ? [] : [cluster])];
    if (resync) listAgain();
    else show(clusters);
  };
  socket.subscribe<{ clusters: Change }>(
    { query: 'subscription { clusters { what resync cluster { id name state } } }' },
    { next: ({ data }) => void listed.then(() => data && take(data.clusters)), error: console.error, complete: () => {} },
  );
  return { client, stop: () => socket.dispose() };
};

const CREATE = gql`
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) { ... on CreateClusterPayload { cluster { name } } ... on Problem { message field } }
  }
`;

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = async (client: GraphQLClient, name: string): Promise<string> => {
  const { createCluster: made } = await client.request<{ createCluster: { cluster?: { name: string }; message?: string } }>(CREATE, {
    input: { name, clusterTemplate: 'small', nodeCount: 1 },
  });
  if (made.cluster === undefined) throw new Error(made.message);
  return made.cluster.name;
};
