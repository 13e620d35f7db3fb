import { createClient } from 'graphql-ws';
import {
  ConnectionHandler,
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getRequest,
  graphql,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
} from 'relay-runtime';
import type { relayChangesSubscription } from './__generated__/relayChangesSubscription.graphql.ts';
import type { relayClustersQuery, relayClustersQuery$data } from './__generated__/relayClustersQuery.graphql.ts';
import type { relayCreateMutation } from './__generated__/relayCreateMutation.graphql.ts';

const LIST = graphql`
  query relayClustersQuery {
    clusters(first: 100) @connection(key: "relay_clusters") { edges { node { id name state } } }
  }
`;
const CHANGES = graphql`
  subscription relayChangesSubscription { clusters { what resync cluster { id name state } } }
`;
const CREATE = graphql`
  mutation relayCreateMutation($input: CreateClusterInput!) {
    createCluster(input: $input) {
      __typename
      ... on CreateClusterPayload { cluster { id name state } }
      ... on Problem { message field }
    }
  }
`;

type Cluster = relayClustersQuery$data['clusters']['edges'][number]['node'];

/** Relay's store keeps the connection; the subscription puts new edges into it and takes away what is gone. */
export const liveClusters = (url: string, token: () => string, show: (clusters: Cluster[]) => void) => {
  const headers = () => ({ 'X-Auth-Token': token() });
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    retryAttempts: Infinity,
    // A server that is being started again refuses connections.
    shouldRetry: () => true,
    retryWait: () => new Promise((again) => setTimeout(again, 1_000 + 4_000 * Math.random())),
    on: { connected: () => void fetchQuery<relayClustersQuery>(environment, LIST, {}).toPromise().catch(console.error) },
  });
  const network = Network.create(
    async ({ text }, variables) => {
      const body = JSON.stringify({ query: text, variables });
      const response = await fetch(url, { method: 'POST', headers: { ...headers(), 'Content-Type': 'application/json' }, body });
      return response.json();
    },
    ({ text }, variables) =>
      Observable.create((sink) =>
        socket.subscribe(
          { query: text ?? '', variables },
          { ...sink, next: (value) => sink.next(value as Parameters<typeof sink.next>[0]) },
        ),
      ),
  );
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  const operation = createOperationDescriptor(getRequest(LIST), {});
  environment.retain(operation);
  const shown = ({ data }: { data: unknown }) => show(((data as relayClustersQuery$data).clusters?.edges ?? []).map(({ node }) => node));
  environment.subscribe(environment.lookup(operation.fragment), shown);
  requestSubscription<relayChangesSubscription>(environment, {
    subscription: CHANGES,
    variables: {},
    onError: console.error,
    updater: (store) => {
      const change = store.getRootField('clusters');
      const cluster = change.getLinkedRecord('cluster');
      const connection = ConnectionHandler.getConnection(store.getRoot(), 'relay_clusters');
      if (connection == null) return;
      ConnectionHandler.deleteNode(connection, cluster.getDataID());
      if (change.getValue('what') === 'DELETED') return;
      ConnectionHandler.insertEdgeAfter(connection, ConnectionHandler.createEdge(store, connection, cluster, 'ClusterEdge'));
    },
  });
  return { environment, stop: () => socket.dispose() };
};

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = (environment: Environment, name: string): Promise<string> =>
  new Promise((resolve, reject) => {
    commitMutation<relayCreateMutation>(environment, {
      mutation: CREATE,
      variables: { input: { name, clusterTemplate: 'small', nodeCount: 1 } },
      onCompleted: ({ createCluster: made }) => {
        if (made.__typename === 'CreateClusterPayload') resolve(made.cluster?.name ?? '');
        else reject(new Error(made.message));
      },
      onError: reject,
    });
  });
