import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache, type TypedDocumentNode } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';

type Cluster = { __typename: 'Cluster'; id: string; name: string; state: string };
type Change = { what: 'CREATED' | 'CHANGED' | 'DELETED'; resync: boolean; cluster: Cluster };

const LIST: TypedDocumentNode<{ clusters: { nodes: Cluster[] } }> = gql`
  query { clusters(first: 100) { nodes { id name state } } }
`;
const CHANGES: TypedDocumentNode<{ clusters: Change }> = gql`
  subscription { clusters { what resync cluster { id name state } } }
`;
const CREATE: TypedDocumentNode<{ createCluster: { cluster?: { name: string }; message?: string } }, { input: object }> = gql`
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) { ... on CreateClusterPayload { cluster { name } } ... on Problem { message field } }
  }
`;

/** Apollo's cache knows no schema: it must be told which types an interface has, or it drops what is asked of a Problem. */
export const PROBLEMS = [
  'ConflictError',
  'Fault',
  'ForbiddenError',
  'InvalidInputError',
  'NotFoundError',
  'QuotaError',
  'UnavailableError',
] as const;

/** Queries and mutations by HTTP, subscriptions by WebSocket; the cache knows a changed cluster by its id. */
export const liveClusters = (url: string, token: () => string, show: (clusters: readonly Cluster[]) => void) => {
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: () => ({ 'X-Auth-Token': token() }),
    retryAttempts: Infinity,
    // A server that is being started again refuses connections.
    shouldRetry: () => true,
    retryWait: () => new Promise((again) => setTimeout(again, 1_000 + 4_000 * Math.random())),
    on: { connected: () => void query.refetch().catch(console.error) },
  });
  const withToken = new ApolloLink((operation, forward) => {
    operation.setContext(({ headers }) => ({ headers: { ...headers, 'X-Auth-Token': token() } }));
    return forward(operation);
  });
  const client = new ApolloClient({
    cache: new InMemoryCache({ possibleTypes: { Problem: [...PROBLEMS] } }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      ApolloLink.from([withToken, new HttpLink({ uri: url })]),
    ),
  });
  const query = client.watchQuery({ query: LIST });
  query.subscribe(({ data, dataState }) => dataState === 'complete' && show(data.clusters.nodes));
  query.subscribeToMore({
    document: CHANGES,
    updateQuery: (previous, { subscriptionData: { data } }) => {
      const { what, cluster } = data.clusters;
      const nodes = ((previous as { clusters?: { nodes: Cluster[] } }).clusters?.nodes ?? []).filter(({ id }) => id !== cluster.id);
      return { clusters: { ...(previous.clusters as object), nodes: what === 'DELETED' ? nodes : [...nodes, cluster] } };
    },
  });
  const stop = () => {
    client.stop();
    void socket.dispose();
  };
  return { client, stop };
};

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = async (client: ApolloClient, name: string): Promise<string> => {
  const { data } = await client.mutate({ mutation: CREATE, variables: { input: { name, clusterTemplate: 'small', nodeCount: 1 } } });
  if (data?.createCluster.cluster === undefined) throw new Error(data?.createCluster.message);
  return data.createCluster.cluster.name;
};
