/** The list of clusters as it is on the server, over as many connections as it takes. */
import type { Ask, Client } from './client.ts';
import { CLUSTER_CHANGES, CLUSTERS } from './documents.ts';
import { again, type StreamOptions } from './stream.ts';
import type { ClusterChange, ClusterSummary, Page } from './types.ts';

type Clusters = Map<string, ClusterSummary>;

/**
 * The clusters that the token may see, now and each time they are others: one list for what happened while the server was away, and none
 * when nothing did. A cluster keeps its place. Throws ClientError.
 */
export async function* followClusters(
  client: Client,
  options: StreamOptions = {},
): AsyncGenerator<readonly ClusterSummary[], void, undefined> {
  let told = '';
  for await (const clusters of again((onConnected) => oneConnection(client, options.signal, onConnected), options)) {
    const list = [...clusters.values()];
    const text = JSON.stringify(list);
    if (text === told) continue;
    told = text;
    yield list;
  }
}

async function* oneConnection(
  client: Client,
  signal: AbortSignal | undefined,
  onConnected: () => void,
): AsyncGenerator<Clusters, void, undefined> {
  const over = new AbortController();
  let begin: (ask: Ask) => void = () => {};
  const begun = new Promise<Ask>((resolve) => {
    begin = resolve;
  });
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const how = { signal: either, onConnected, onAsked: begin };
  const changes = client.subscribe<{ clusters: ClusterChange }>(CLUSTER_CHANGES, {}, how)[Symbol.asyncIterator]();
  try {
    // What changes while the list is read waits, and comes behind it.
    let coming = changes.next();
    let clusters = await Promise.race([begun.then(readAll), failureOf(coming)]);
    yield clusters;
    for (let change = await coming; !change.done; change = await coming) {
      const { what, resync, cluster } = change.value.clusters;
      if (resync) clusters = await readAll(await begun);
      else if (what === 'DELETED') clusters.delete(cluster.uuid);
      else clusters.set(cluster.uuid, cluster);
      yield clusters;
      coming = changes.next();
    }
  } finally {
    over.abort();
    await changes.return?.();
  }
}

const readAll = async (ask: Ask): Promise<Clusters> => {
  const all: Clusters = new Map();
  let after: string | null = null;
  do {
    const { clusters }: { clusters: Page<ClusterSummary> } = await ask(CLUSTERS, { after });
    for (const cluster of clusters.nodes) all.set(cluster.uuid, cluster);
    after = clusters.pageInfo.hasNextPage ? clusters.pageInfo.endCursor : null;
  } while (after !== null);
  return all;
};

/** Never resolves. */
const failureOf = (promise: Promise<unknown>): Promise<never> =>
  new Promise((_resolve, reject) => {
    promise.catch(reject);
  });
