/** Which networks a cluster is in: those it names, the only one there is, or one that is made as it wishes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;

interface Thing {
  id: string;
  name?: string;
  mtu?: number;
  external_gateway_info?: { network_id: string } | null;
}
interface Rule {
  security_group_id: string;
  port_range_min: number | null;
  remote_ip_prefix: string | null;
}

const neutron = async <T>(token: string, method: string, path: string, body?: object): Promise<T> => {
  const url = world.sandbox.authUrl.replace(/\/identity.*$/, '/network');
  const answer = await fetch(`${url}/v2.0/${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
};
const make = async (token: string, what: string, fields: object): Promise<Thing> =>
  Object.values(await neutron<Record<string, Thing>>(token, 'POST', `${what}s`, { [what]: fields }))[0] as Thing;
const list = async <T>(what: string, query: string): Promise<T[]> =>
  (await neutron<Record<string, T[]>>(world.admin, 'GET', `${what}?${query}`))[what.replaceAll('-', '_')] ?? [];

const nameOf = (clusterId: string) =>
  `seedbed-${world.rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`)[0]?.short_id}`;
/** What the rules for node ports let in. */
const nodePortSources = async (clusterId: string): Promise<(string | null)[]> => {
  const [group] = await list<Thing>('security-groups', `name=${nameOf(clusterId)}`);
  const rules = await list<Rule>('security-group-rules', `security_group_id=${group?.id}`);
  return [...new Set(rules.filter((rule) => rule.port_range_min === 30_000).map((rule) => rule.remote_ip_prefix))];
};
/** What a catalogue does not show yet is found out by the cluster itself. */
const forgetCatalogues = () => world.restart();
const createFailing = async (
  name: string,
  overrides: object,
): Promise<{ id: string; problem: { code: string; field: string[]; message: string } }> => {
  const input = { name, clusterTemplate: 'small', nodeCount: 1, overrides };
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(world.member, 'createCluster', input, 'cluster { uuid }');
  const problem = await until(
    () =>
      world.rows<{ problem: string }>(`select problem from operations where target_id = '${cluster.uuid}' and state = 'FAILED'`)[0]
        ?.problem,
  );
  return { id: cluster.uuid, problem: JSON.parse(problem) };
};

beforeAll(async () => {
  world = await openLiving({}, { externalNetwork: null });
});

afterAll(() => world?.close());

test('the only external network is taken, and a network is made with the MTU that is asked for', async () => {
  const clusterId = await world.makeCluster('made', { overrides: { networkMtu: 1400, nodeCidr: '10.7.0.0/24' } });
  const [outside] = await list<Thing>('networks', 'router:external=true');
  const [router] = await list<Thing>('routers', `name=${nameOf(clusterId)}`);
  expect(router?.external_gateway_info?.network_id).toBe(outside?.id);
  expect(await list<Thing>('networks', `name=${nameOf(clusterId)}`)).toMatchObject([{ mtu: 1400 }]);
  expect(await nodePortSources(clusterId)).toEqual(['10.7.0.0/24']);
  const query = 'query($id: ID!) { cluster(id: $id) { spec { networkMtu externalNetwork } } }';
  expect(await world.ask(world.member, query, { id: clusterId })).toEqual({
    cluster: { spec: { networkMtu: 1400, externalNetwork: null } },
  });
});

test("node ports are open to a given subnet's own range, and of several one must be named", async () => {
  const network = await make(world.member, 'network', { name: 'lan' });
  const subnet = { network_id: network.id, ip_version: 4 };
  await make(world.member, 'subnet', { ...subnet, name: 'lan-a', cidr: '192.168.70.0/24' });
  await forgetCatalogues();
  const clusterId = await world.makeCluster('given', { overrides: { fixedNetwork: 'lan' } });
  expect(await nodePortSources(clusterId)).toEqual(['192.168.70.0/24']);

  // As it was before the range was kept.
  world.write(`update clusters set resolved = json_remove(resolved, '$.fixedCidr') where id = '${clusterId}'`);
  world.wake(clusterId);
  const kept = `select json_extract(resolved, '$.fixedCidr') as cidr from clusters where id = '${clusterId}'`;
  await until(() => world.rows<{ cidr: string | null }>(kept)[0]?.cidr === '192.168.70.0/24');

  await make(world.member, 'subnet', { ...subnet, name: 'lan-b', cidr: '192.168.71.0/24' });
  await forgetCatalogues();
  const { problem } = await createFailing('which', { fixedNetwork: 'lan' });
  expect(problem).toMatchObject({ code: 'INVALID_INPUT', field: ['fixedSubnet'], message: expect.stringContaining('several IPv4') });
  const chosen = await world.makeCluster('chosen', { overrides: { fixedNetwork: 'lan', fixedSubnet: 'lan-b' } });
  expect(await nodePortSources(chosen)).toEqual(['192.168.71.0/24']);
});

test('of several external networks one must be named', async () => {
  await make(world.admin, 'network', { name: 'partner', 'router:external': true, shared: true });
  await forgetCatalogues();
  const { id, problem } = await createFailing('torn', {});
  expect(problem).toMatchObject({ code: 'INVALID_INPUT', field: ['externalNetwork'], message: expect.stringContaining('partner, public') });
  expect(await list('networks', `name=${nameOf(id)}`)).toEqual([]);
  await world.makeCluster('named', { overrides: { externalNetwork: 'public' } });
});
