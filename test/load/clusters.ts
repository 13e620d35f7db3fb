/** Clusters of a benchmark, made and upgraded many at once. */
import { ask, type World } from './world.ts';

const AT_ONCE = 16;
const OLD = 'v1.35.4';
const NEW = 'v1.36.3';
const GIVE_UP_MS = 600_000;

/** Does the work for each item, for so many (`most`) side by side. */
export const atOnce = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>, most = AT_ONCE): Promise<void> => {
  const left = [...items];
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: most }, worker));
};

/** Clusters at the older version with as many workers and members of etcd and API servers, each READY. */
export const create = async (
  { admin, member }: World,
  names: readonly string[],
  size: { workers: number; replicas: number },
): Promise<void> => {
  const mutation = 'mutation($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }';
  const overrides = { kubernetesVersion: OLD, image: 'debian-12', controlPlane: { replicas: size.replicas } };
  await atOnce(names, (name) =>
    ask(member, mutation, {
      input: { name, clusterTemplate: 'bench', nodeCount: size.workers, overrides },
    }),
  );
  await until(async () => (await listClusters(admin)).every(({ state }) => state === 'READY'));
};

/** Milliseconds from the first request until control planes and nodes of all are at the new version. */
export const upgrade = async ({ admin, member }: World, names: readonly string[]): Promise<number> => {
  const mutation = 'mutation($input: UpgradeClusterInput!) { upgradeCluster(input: $input) { __typename } }';
  const wanted = (await listClusters(admin)).filter(({ name }) => names.includes(name));
  const began = performance.now();
  await atOnce(wanted, ({ uuid }) => ask(member, mutation, { input: { clusterId: uuid, version: NEW } }));
  await until(async () =>
    (await listClusters(admin)).every(({ name, state, upgraded }) => !names.includes(name) || (upgraded && state === 'READY')),
  );
  return performance.now() - began;
};

interface Listed {
  uuid: string;
  name: string;
  state: string;
  upgraded: boolean;
}

export const listClusters = async (token: string): Promise<Listed[]> => {
  const query = `query($after: String) { clusters(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
    nodes { uuid name state runningVersion nodes(first: 5) { nodes { kubeletVersion } } } } }`;
  const found: Listed[] = [];
  for (let after: string | null = null, more = true; more; ) {
    const { clusters } = (await ask(token, query, { after })) as {
      clusters: {
        pageInfo: { hasNextPage: boolean; endCursor: string | null };
        nodes: {
          uuid: string;
          name: string;
          state: string;
          runningVersion: string | null;
          nodes: { nodes: { kubeletVersion: string | null }[] };
        }[];
      };
    };
    for (const { uuid, name, state, runningVersion, nodes } of clusters.nodes)
      found.push({ uuid, name, state, upgraded: runningVersion === NEW && nodes.nodes.every((node) => node.kubeletVersion === NEW) });
    after = clusters.pageInfo.endCursor;
    more = clusters.pageInfo.hasNextPage;
  }
  return found;
};

export const until = async (look: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + GIVE_UP_MS;
  while (!(await look())) {
    if (performance.now() > end) throw new Error('not in time');
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
};
