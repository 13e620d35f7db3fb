/** Checks that both stories make: what must exist exactly once for a cluster, and that nothing is left of it. */
import { expect } from 'vitest';
import { createKubectl, listRouters, listServers, listThings, type ServerSeen, type Thing } from './outside.ts';
import { until } from './run.ts';
import { asMember, type Story } from './story.ts';

export interface ClusterNames {
  uuid: string;
  shortId: string;
  name: string;
}

const tagOf = ({ uuid }: ClusterNames): string => `seedbed-cluster-${uuid}`;
export const namespaceOf = ({ shortId }: ClusterNames): string => `kc-${shortId}`;

export const serversOf = (story: Story, cluster: ClusterNames): Promise<ServerSeen[]> => listServers(story.world, tagOf(cluster));

/** Address of the router's leg in the external network. */
export const routerAddress = async (story: Story, cluster: ClusterNames): Promise<string> => {
  const [router] = await listRouters(story.world, tagOf(cluster));
  const address = router?.external[0];
  if (address === undefined) throw new Error('the cluster has no router with an external address');
  return address;
};

/** Anything that names the cluster, by tag, name or description; and trusts, which carry neither. */
const thingsOf = (things: readonly Thing[], cluster: ClusterNames): Thing[] =>
  things.filter((thing) => {
    const text = [thing.name, thing.description, ...thing.tags].join(' ');
    return [cluster.uuid, cluster.shortId].some((mark) => text.includes(mark));
  });

export const listNamespaces = async (story: Story): Promise<string[]> =>
  (await createKubectl(story.world, story.world.seedAdminKubeconfigPath)('get', 'namespaces', '-o', 'name')).trim().split('\n').sort();

/** How many of each kind the cloud holds more than before; things of other users that came and went meanwhile are not counted. */
export const countNew = (before: readonly Thing[], after: readonly Thing[], projectId: string): Record<string, number> => {
  const known = new Set(before.map((thing) => thing.id));
  const fresh = after.filter((thing) => !known.has(thing.id) && (thing.project === projectId || thing.project === ''));
  return Object.fromEntries(
    [...new Set(fresh.map((thing) => thing.kind))].sort().map((kind) => [kind, fresh.filter((thing) => thing.kind === kind).length]),
  );
};

/** The namespace is gone, the project looks as before, and everything else that was there still is. */
export const expectNothingLeft = async (
  story: Story,
  cluster: ClusterNames,
  before: readonly Thing[],
  namespaces: readonly string[],
): Promise<void> => {
  const after = await listThings(story.world);
  expect(thingsOf(after, cluster)).toEqual([]);
  const own = (things: readonly Thing[]) =>
    things
      .filter((thing) => thing.project === story.memberProjectId)
      .map(describe)
      .sort();
  expect(own(after)).toEqual(own(before));
  const there = new Set(after.map(describe));
  expect(before.map(describe).filter((thing) => !there.has(thing))).toEqual([]);
  // A namespace ends some seconds after its last object.
  const left = await until('the namespace is gone', 60, async () => {
    const now = await listNamespaces(story);
    return now.includes(`namespace/${namespaceOf(cluster)}`) ? undefined : now;
  });
  expect(namespaces.filter((namespace) => !left.includes(namespace))).toEqual([]);
};

/** The report on the deletion says what the listings from outside say. */
export const expectCleanReport = async (story: Story, cluster: ClusterNames): Promise<void> => {
  const query = `query($id: ID!) { cluster(id: $id) { leakReport { clean made deleted leftovers { kind externalId reason } unverified { kind reason } } } }`;
  const { leakReport } = (
    await asMember(story).ask<{ cluster: { leakReport: { made: number; deleted: number } } }>(query, { id: cluster.uuid })
  ).cluster;
  expect(leakReport).toMatchObject({ clean: true, leftovers: [], unverified: [] });
  // A trust, a network with its subnet, router and security group at the least.
  expect(leakReport.made).toBeGreaterThan(4);
  expect(leakReport.deleted).toBe(leakReport.made);
};

const describe = ({ kind, id, name, tags, description }: Thing): string => `${kind} ${id} "${name}" [${tags.join()}] ${description}`;
