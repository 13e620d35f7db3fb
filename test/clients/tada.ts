import { Client, fetchExchange } from '@urql/core';
import { initGraphQLTada, type ResultOf } from 'gql.tada';
import type { introspection } from './__generated__/introspection.d.ts';

const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string } }>();

const CLUSTER = graphql(`fragment ClusterLine on Cluster @_unmask { id name state }`);
const LIST = graphql(`query { clusters(first: 100) { nodes { ...ClusterLine } } }`, [CLUSTER]);
const CHANGES = graphql(`subscription { clusters { what resync cluster { ...ClusterLine } } }`, [CLUSTER]);
const CREATE = graphql(`
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) {
      __typename
      ... on CreateClusterPayload { cluster { name } }
      ... on Problem { message field }
    }
  }
`);

type Cluster = ResultOf<typeof CLUSTER>;
const AGAIN_MS = 500;

/** Documents typed by the schema itself, sent by urql over HTTP alone: its subscriptions are server-sent events, asked for again when they end. */
export const liveClusters = (url: string, token: () => string, show: (clusters: readonly Cluster[]) => void) => {
  const client = new Client({
    url,
    preferGetMethod: false,
    fetchSubscriptions: true,
    fetchOptions: () => ({ headers: { 'X-Auth-Token': token() } }),
    exchanges: [fetchExchange],
  });
  let clusters: readonly Cluster[] = [];
  let stopped = false;
  const list = async () => {
    const { data } = await client.query(LIST, {});
    clusters = data?.clusters.nodes ?? clusters;
    show(clusters);
  };
  const follow = () => {
    if (stopped) return;
    let listed = list();
    const subscription = client.subscription(CHANGES, {}).subscribe(({ data, error }) => {
      if (error !== undefined) setTimeout(again, AGAIN_MS);
      if (data == null) return;
      const { what, resync, cluster } = data.clusters;
      if (resync) listed = list();
      void listed.then(() => {
        clusters = [...clusters.filter(({ id }) => id !== cluster.id), ...(what === 'DELETED' ? [] : [cluster])];
        show(clusters);
      });
    });
    // By then what told of the error has ended: urql lets nobody catch that a stream was ended in its midst.
    const again = () => {
      subscription.unsubscribe();
      follow();
    };
    stop = () => {
      stopped = true;
      subscription.unsubscribe();
    };
  };
  let stop = () => {};
  follow();
  return { client, stop: () => stop() };
};

/** The new cluster's name. Throws what is in the way of it. */
export const createCluster = async (client: Client, name: string): Promise<string> => {
  const { data, error } = await client.mutation(CREATE, { input: { name, clusterTemplate: 'small', nodeCount: 1 } });
  if (data?.createCluster.__typename === 'CreateClusterPayload') return data.createCluster.cluster.name;
  throw error ?? new Error(data?.createCluster.message);
};

// What the schema does not have is a mistake of types.
// @ts-expect-error: a cluster has no such field
graphql(`query { clusters(first: 1) { nodes { naem } } }`) satisfies {
  __apiType?: (variables: never) => { clusters: { nodes: { naem: string }[] } };
};
