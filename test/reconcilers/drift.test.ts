/** What others change or take away behind a settled cluster's back is there again after a look. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from '../../src/domain/cluster.ts';
import { accessOf, createClient } from '../sandbox/kubernetes/client.ts';
import { askNeutron } from './neutron.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
let shortId: string;

interface CloudState {
  openstack: { network: Record<string, { id: string; name?: string; device_owner?: string; network_id?: string }[]> };
}
const network = async (kind: string) => (await world.control<CloudState>('GET', 'world')).openstack.network[kind] ?? [];
const neutron = (method: string, path: string, body?: object): Promise<unknown> => askNeutron(world, world.member, method, path, body);
const own = async (kind: string): Promise<string> => (await network(kind)).find((t) => t.name === `seedbed-${shortId}`)?.id ?? '';

beforeAll(async () => {
  world = await openLiving({ driftSeconds: 5 });
  clusterId = await world.makeCluster('drift');
  shortId = world.rows<{ short_id: string }>('select short_id from clusters')[0]?.short_id ?? '';
});

afterAll(() => world?.close());

test('a rule taken out of the security group is put back', async () => {
  const group = await own('securityGroups');
  const rules = async () =>
    ((await network('securityGroupRules')) as { id: string; security_group_id?: string; direction?: string }[]).filter(
      (r) => r.security_group_id === group && r.direction === 'ingress',
    );
  const before = await rules();
  expect(before.length).toBeGreaterThan(3);
  await neutron('DELETE', `security-group-rules/${before[0]?.id}`);
  world.wake(clusterId);
  await until(async () => (await rules()).length === before.length);
  await world.settled(clusterId);
});

test.each(['interface', 'router'])('a router whose %s was taken away is whole again', async (what) => {
  const [router, subnet] = [await own('routers'), await own('subnets')];
  const legs = async () => (await network('ports')).filter((p) => p.device_owner === 'network:router_interface');
  expect(await legs()).toHaveLength(1);
  await neutron('PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet });
  if (what === 'router') await neutron('DELETE', `routers/${router}`);
  world.wake(clusterId);
  await until(async () => (await legs()).length === 1);
  await world.settled(clusterId);
  expect((await network('routers')).filter((r) => r.name === `seedbed-${shortId}`)).toHaveLength(1);
});

test('a twin of the router, which a slow Neutron made for the same request, goes; what merely has its name stays', async () => {
  const [router] = (await network('routers')) as { id: string; name: string; description: string }[];
  const named = async () => (await network('routers')).filter(({ name }) => name === router?.name).map(({ id }) => id);
  await neutron('POST', 'routers', { router: { name: router?.name, description: router?.description } });
  await neutron('POST', 'routers', { router: { name: router?.name, description: 'mine' } });
  expect(await named()).toHaveLength(3);
  await until(async () => {
    world.wake(clusterId);
    return (await named()).length === 2;
  });
  expect(await named()).toContain(router?.id);
  await world.settled(clusterId);
  const [mine] = (await named()).filter((id) => id !== router?.id);
  await neutron('DELETE', `routers/${mine}`);
});

test('tags and settings that were changed are as they were made, and what else was in them stays', async () => {
  const [net, subnet, router, group] = await Promise.all(['networks', 'subnets', 'routers', 'securityGroups'].map(own));
  const tagged = [`networks/${net}`, `subnets/${subnet}`, `routers/${router}`, `security-groups/${group}`];
  for (const path of tagged) await neutron('PUT', `${path}/tags`, { tags: ['mine'] });
  await neutron('PUT', `networks/${net}`, { network: { admin_state_up: false } });
  await neutron('PUT', `routers/${router}/remove_router_interface`, { subnet_id: subnet });
  await neutron('PUT', `routers/${router}`, { router: { admin_state_up: false, external_gateway_info: {} } });
  await neutron('PUT', `subnets/${subnet}`, { subnet: { gateway_ip: null, enable_dhcp: false, dns_nameservers: ['192.0.2.1'] } });
  const kinds = ['networks', 'subnets', 'routers', 'securityGroups'];
  const made = async () =>
    (await Promise.all(kinds.map(network))).flatMap((all, i) => all.filter(({ id }) => id === [net, subnet, router, group][i]));
  const tag = `seedbed-cluster-${clusterId}`;
  await until(async () => {
    world.wake(clusterId);
    const all = (await made()) as unknown as { tags: string[]; gateway_ip?: string; external_gateway_info?: object | null }[];
    return (
      all.every(({ tags }) => tags.includes(tag)) && (await network('ports')).some((p) => p.device_owner === 'network:router_interface')
    );
  });
  expect(await made()).toMatchObject([
    { tags: ['mine', tag], admin_state_up: true },
    { tags: ['mine', tag], gateway_ip: '10.0.0.1', enable_dhcp: true, dns_nameservers: [] },
    { tags: ['mine', tag], admin_state_up: true, external_gateway_info: { network_id: expect.any(String) } },
    { tags: ['mine', tag] },
  ]);
  for (const path of tagged) await neutron('DELETE', `${path}/tags/mine`);
  await world.settled(clusterId);
});

test('what a customer added is left alone, and named until it goes', async () => {
  const [net, router, group] = await Promise.all(['networks', 'routers', 'securityGroups'].map(own));
  const said = (step: string) =>
    world.rows<{ message: string }>(
      `select message from conditions where object_id = '${clusterId}' and name = '${step}' and state = 'DONE'`,
    )[0]?.message ?? '';
  const saidAfterLook = (step: string, what: RegExp) =>
    until(() => {
      world.wake(clusterId);
      return what.test(said(step));
    });
  const rule = {
    security_group_id: group,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: 22,
    port_range_max: 22,
  };
  await neutron('POST', 'security-group-rules', { security_group_rule: { ...rule, remote_ip_prefix: '203.0.113.0/24' } });
  await neutron('POST', 'subnets', { subnet: { network_id: net, name: 'mine', ip_version: 4, cidr: '10.99.0.0/24' } });
  const mine = (await network('subnets')).find(({ name }) => name === 'mine')?.id;
  await neutron('PUT', `routers/${router}/add_router_interface`, { subnet_id: mine });
  await neutron('PUT', `routers/${router}/tags/mine`);
  await saidAfterLook('SecurityGroupReady', /left alone: rule \S+ \(ingress IPv4, tcp 22 from 203\.0\.113\.0\/24\)\.$/);
  await saidAfterLook('NetworkReady', new RegExp(`left alone: subnet mine \\(${mine}\\), 10\\.99\\.0\\.0/24\\.$`));
  await saidAfterLook(
    'RouterReady',
    new RegExp(`router interface \\S+ with 10\\.99\\.0\\.1 in subnet ${mine}; tag mine of the router\\.$`),
  );
  await neutron('PUT', `routers/${router}/remove_router_interface`, { subnet_id: mine });
  await neutron('DELETE', `routers/${router}/tags/mine`);
  await neutron('DELETE', `subnets/${mine}`);
  const extra = ((await network('securityGroupRules')) as { id: string; port_range_min?: number }[]).find((r) => r.port_range_min === 22);
  await neutron('DELETE', `security-group-rules/${extra?.id}`);
  for (const step of ['SecurityGroupReady', 'NetworkReady', 'RouterReady']) await saidAfterLook(step, /^$/);
  await world.settled(clusterId);
});

test.each([
  ['v1', 'Secret', 'kube-apiserver-files'],
  ['apps/v1', 'Deployment', 'kube-scheduler'],
])('a %s %s deleted in the seed comes back without a hand', async (apiVersion, kind, name) => {
  const ref = { apiVersion, kind, namespace: namespaceOf(shortId), name: `${shortId}-${name}` };
  const before = await world.seed.get(ref);
  expect(before).toBeDefined();
  await world.seed.remove(ref);
  await until(async () => {
    const now = await world.seed.get(ref);
    return now !== undefined && now.metadata.uid !== before?.metadata.uid;
  });
  await world.settled(clusterId);
});

test('who keeps changing an object against us is answered ever later, and it is put back in the end', async () => {
  const { kubeconfig } = await world.change<{ kubeconfig: string }>(
    world.member,
    'issueKubeconfig',
    { clusterId, role: 'ADMIN' },
    'kubeconfig',
  );
  const tenant = createClient(accessOf(kubeconfig));
  try {
    const path = '/api/v1/namespaces/kube-system/configmaps/coredns';
    const seen = async () => (await tenant.call('GET', path)).body as { data?: { Corefile?: string } };
    const ours = await until(async () => (await seen()).data?.Corefile);
    const spoil = () => tenant.call('PATCH', path, { data: { Corefile: 'spoilt' } }, { 'content-type': 'application/merge-patch+json' });
    let repairs = -1;
    for (const end = performance.now() + 8_000; performance.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
      if ((await seen()).data?.Corefile === 'spoilt') continue;
      expect((await spoil()).status).toBe(200);
      repairs += 1;
    }
    expect(repairs).toBeGreaterThanOrEqual(4);
    expect(repairs).toBeLessThan(16);
    await until(async () => (await seen()).data?.Corefile === ours);
  } finally {
    tenant.close();
  }
});
