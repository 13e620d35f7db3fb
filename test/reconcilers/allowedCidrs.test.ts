/** An API that is kept to some addresses: who gets through, who does not, and what cannot be had. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { namespaceOf } from '../../src/domain/cluster.ts';
import { askNeutron } from './neutron.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let world: Living;
let clusterId: string;
beforeAll(async () => {
  world = await openLiving({ sourceCidrs: '127.0.0.1/32', driftSeconds: 1 });
  const overrides = { masterLbFloatingIpEnabled: true, controlPlane: { allowedCidrs: ['127.0.0.9', '203.0.113.77/24'] } };
  clusterId = await world.makeCluster('kept', { overrides });
});
afterAll(() => world?.close());

const update = (allowedCidrs: string[]) =>
  world.change(world.member, 'updateCluster', { clusterId, overrides: { controlPlane: { allowedCidrs } } }, 'cluster { id }');
/** Whether a connection from there stays open. */
const getsThrough = (localAddress: string): Promise<boolean> => {
  const [{ host, port } = { host: '', port: 0 }] = world.rows<{ host: string; port: number }>(
    `select endpoint_host as host, endpoint_port as port from clusters where id = '${clusterId}'`,
  );
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', () => setTimeout(end, 200, true));
    socket.on('close', () => end(false));
    socket.on('error', () => end(false));
  });
};
const service = async () => {
  const [{ short } = { short: '' }] = world.rows<{ short: string }>(`select short_id as short from clusters where id = '${clusterId}'`);
  const ref = { apiVersion: 'v1', kind: 'Service', namespace: namespaceOf(short), name: `${short}-kube-apiserver` };
  return (await world.seed.get(ref)) as unknown as { metadata: { annotations?: object }; spec: { loadBalancerSourceRanges?: string[] } };
};
const ranges = async () => (await service()).spec.loadBalancerSourceRanges ?? [];

test('those who are named, Seedbed and the workers by way of their router get through, and nobody else', async () => {
  expect(await Promise.all(['127.0.0.1', '127.0.0.9', '127.0.0.8'].map(getsThrough))).toEqual([true, true, false]);
  const [{ resolved } = { resolved: '{}' }] = world.rows<{ resolved: string }>(`select resolved from clusters where id = '${clusterId}'`);
  const { gatewayAddresses } = JSON.parse(resolved) as { gatewayAddresses: string[] };
  expect(gatewayAddresses).toHaveLength(1);
  expect(await ranges()).toEqual(['127.0.0.1/32', '127.0.0.9/32', '203.0.113.0/24', `${gatewayAddresses[0]}/32`].toSorted());
});

test('the floating IP that was asked for with its address is asked for on and on', async () => {
  expect((await service()).metadata.annotations).toMatchObject({ 'service.beta.kubernetes.io/openstack-internal-load-balancer': 'false' });
  expect(world.rows(`select endpoint_floating_ip as floats from clusters where id = '${clusterId}'`)).toEqual([{ floats: 1 }]);
});

const gateway = () => {
  const [{ resolved } = { resolved: '{}' }] = world.rows<{ resolved: string }>(`select resolved from clusters where id = '${clusterId}'`);
  return (JSON.parse(resolved) as { gatewayAddresses: string[] }).gatewayAddresses[0] ?? '';
};
const api = (method: string, path: string, body?: object): Promise<unknown> => askNeutron(world, world.member, method, path, body);
interface Router {
  id: string;
  name: string;
  external_gateway_info: { network_id: string; external_fixed_ips: { ip_address: string }[] };
}
const ownRouter = async (): Promise<Router | undefined> =>
  ((await api('GET', 'routers')) as { routers: Router[] }).routers.find(({ name }) => name.startsWith('seedbed-'));

test('workers get through by a router whose way outside somebody took and put back, which has another address', async () => {
  const before = gateway();
  const router = await ownRouter();
  const network_id = router?.external_gateway_info.network_id;
  await world.idle();
  await api('PUT', `routers/${router?.id}`, { router: { external_gateway_info: {} } });
  await api('PUT', `routers/${router?.id}`, { router: { external_gateway_info: { network_id } } });
  const [now] = (await ownRouter())?.external_gateway_info.external_fixed_ips ?? [];
  expect(now?.ip_address).not.toBe(before);
  await until(async () => {
    world.wake(clusterId);
    return (await ranges()).includes(`${now?.ip_address}/32`);
  });
  expect(await ranges()).not.toContain(`${before}/32`);
});

test('workers get through by a router that was made anew, too', async () => {
  const before = gateway();
  const router = await ownRouter();
  const { subnets } = (await api('GET', 'subnets')) as { subnets: { id: string; name: string }[] };
  const subnet = subnets.find(({ name }) => name === router?.name);
  // The address that it had is somebody else's by the time that there is another.
  const [external] = ((await api('GET', 'networks?router:external=true')) as { networks: { id: string }[] }).networks;
  await api('PUT', `routers/${router?.id}/remove_router_interface`, { subnet_id: subnet?.id });
  await api('DELETE', `routers/${router?.id}`);
  await api('POST', 'floatingips', { floatingip: { floating_network_id: external?.id, floating_ip_address: before } });
  await until(async () => {
    world.wake(clusterId);
    return gateway() !== before && (await ranges()).includes(`${gateway()}/32`);
  });
  expect(await ranges()).not.toContain(`${before}/32`);
});

test('the list changes on a living cluster, and an empty one opens it to all', async () => {
  await update(['127.0.0.8']);
  await until(async () => (await getsThrough('127.0.0.8')) && !(await getsThrough('127.0.0.9')));
  await world.settled(clusterId);
  await update([]);
  await until(async () => (await ranges()).length === 0);
  expect(await getsThrough('127.0.0.9')).toBe(true);
  await world.settled(clusterId);
});

test('what is no range is refused by its place', async () => {
  await expect(update(['10.0.0.0/8', 'everybody'])).rejects.toThrow(
    /INVALID_INPUT.*"field":\["overrides","controlPlane","allowedCidrs","1"\]/,
  );
});

test('a Seedbed that does not know its own addresses does not shut itself out: it refuses, or says what to set, and taking the list away leads out', async () => {
  await update(['127.0.0.9']);
  await world.settled(clusterId);
  world.settings.sourceCidrs = '';
  await world.restart();
  world.wake(clusterId);
  const { problem } = await until(
    () => world.rows<{ problem: string }>("select problem from conditions where name = 'ApiEndpointReady' and state = 'FAILED'")[0],
  );
  expect(JSON.parse(problem)).toMatchObject({
    whoMustAct: 'CLOUD_ADMIN',
    field: ['controlPlane', 'allowedCidrs'],
    message: expect.stringContaining('SEEDBED_SOURCE_CIDRS'),
  });
  await update([]);
  await world.settled(clusterId);
  await expect(update(['127.0.0.9'])).rejects.toThrow(/SEEDBED_SOURCE_CIDRS.*"field":\["overrides","controlPlane","allowedCidrs"\]/);
});
