/** What a node group names and the cloud has no more: each is a condition of its own, with who must act, that ends by itself once it is mended. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Named {
  id: string;
  name: string;
}
interface Problem {
  code: string;
  message: string;
  whoMustAct: string;
  field: string[] | null;
  retryable: boolean;
}

let world: Living;
let clusterId: string;
/** By name. */
let ids: Record<string, string>;

const call = async <T>(token: string, method: string, path: string, body?: object): Promise<T> => {
  const headers = { 'x-auth-token': token, 'content-type': 'application/json' };
  const url = new URL(path, world.sandbox.authUrl);
  const answer = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status} ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
};
const upload = async (name: string): Promise<string> => {
  const { id } = await call<Named>(world.member, 'POST', '/image/v2/images', { name });
  await call(world.member, 'PUT', `/image/v2/images/${id}/file`);
  return id;
};
const makeFlavor = async (name: string): Promise<string> => {
  const flavor = { name, vcpus: 2, ram: 2048, disk: 20 };
  return (await call<{ flavor: Named }>(world.admin, 'POST', '/compute/v2.1/flavors', { flavor })).flavor.id;
};
const makeKeypair = (name: string) => call(world.member, 'POST', '/compute/v2.1/os-keypairs', { keypair: { name } });
const makeType = async (name: string): Promise<string> =>
  (await call<{ volume_type: Named }>(world.admin, 'POST', '/volume/v3/types', { volume_type: { name } })).volume_type.id;
/** A network with room for one port. */
const makeNarrow = async (): Promise<string> => {
  const { id } = (await call<{ network: Named }>(world.member, 'POST', '/network/v2.0/networks', { network: { name: 'narrow' } })).network;
  const pool = [{ start: '10.99.0.10', end: '10.99.0.10' }];
  const subnet = { network_id: id, cidr: '10.99.0.0/24', ip_version: 4, enable_dhcp: false, gateway_ip: null, allocation_pools: pool };
  await call(world.member, 'POST', '/network/v2.0/subnets', { subnet });
  return id;
};

const groupRow = (name: string) => world.rows<{ id: string; state: string }>(`select id, state from node_groups where name = '${name}'`)[0];
const nodesOf = (name: string) =>
  world.rows<{ id: string; name: string; state: string; fault: string | null }>(
    `select n.id, n.name, n.state, n.fault from nodes n join node_groups g on g.id = n.node_group_id where g.name = '${name}' and n.deleted_at is null`,
  );
const ready = (name: string) => until(() => groupRow(name)?.state === 'READY');
const grow = (name: string, count: number) =>
  world.change(world.member, 'resizeNodeGroup', { nodeGroupId: groupRow(name)?.id, count }, 'nodeGroup { id }');
/** The group with one worker, made while all that it names is there. */
const addGroup = async (name: string, more: object) => {
  const nodeGroup = { clusterId, name, count: 1, serverGroupPolicy: 'NONE', ...more };
  await world.change(world.member, 'createNodeGroup', nodeGroup, 'nodeGroup { id }');
  await ready(name);
};
/** As the group's and the node's condition have it, which is the same. */
const problemOf = (name: string) =>
  until(() => {
    const row = world.rows<{ problem: string }>(
      `select problem from conditions where object_id = '${groupRow(name)?.id}' and name = 'NodesReady' and state = 'FAILED'`,
    )[0];
    const stuck = nodesOf(name).find(({ state }) => state === 'FAILED');
    const own = world.rows<{ problem: string }>(`select problem from conditions where object_id = '${stuck?.id}' and state = 'FAILED'`)[0];
    return row !== undefined && own !== undefined && row.problem === own.problem && (JSON.parse(row.problem) as Problem);
  });
const mended = async (name: string) => {
  for (const { id } of nodesOf(name)) world.wake(id);
  await until(() => {
    for (const { id, state } of nodesOf(name)) if (state === 'FAILED') world.wake(id);
    return groupRow(name)?.state === 'READY';
  });
};

beforeAll(async () => {
  world = await openLiving();
  await world.control('PUT', `quotas/${world.sandbox.users.member.projectId}`, { instances: 50, cores: 100, ram: 500_000 });
  // Before anybody lists what there is: that is known for a minute.
  await makeKeypair('door');
  ids = {
    golden: await upload('golden'),
    disk: await upload('disk'),
    fine: await makeFlavor('fine'),
    fast: await makeType('fast'),
    narrow: await makeNarrow(),
  };
  clusterId = await world.makeCluster('gone', { nodeCount: 0 });
});
afterAll(() => world?.close());

test('an image: one of its name is taken in its place', async () => {
  const id = ids['golden'];
  await addGroup('image', { image: id });
  await addGroup('named', { image: 'golden' });
  await call(world.member, 'DELETE', `/image/v2/images/${id}`);
  await grow('image', 2);
  await grow('named', 2);
  for (const name of ['image', 'named'])
    expect(await problemOf(name)).toMatchObject({
      code: 'IMAGE_GONE',
      whoMustAct: 'CUSTOMER',
      field: ['image'],
      retryable: false,
      message: expect.stringMatching(/Upload one of that name.*Can not find requested image/),
    });
  await upload('golden');
  await mended('named');
  // An id is nobody else's: the way out is to do without.
  await grow('image', 1);
  await mended('image');
});

test('a flavor', async () => {
  const id = ids['fine'];
  await addGroup('flavor', { flavor: 'fine' });
  const [first] = nodesOf('flavor');
  await call(world.admin, 'DELETE', `/compute/v2.1/flavors/${id}`);
  await grow('flavor', 2);
  expect(await problemOf('flavor')).toMatchObject({
    code: 'FLAVOR_GONE',
    whoMustAct: 'CUSTOMER',
    field: ['flavor'],
    message: expect.stringContaining(`Flavor ${id} could not be found`),
  });
  await makeFlavor('fine');
  await mended('flavor');
  // Nobody has asked for other workers.
  const now = nodesOf('flavor').map((node) => node.id);
  expect([now.length, now.includes(first?.id ?? '')]).toEqual([2, true]);
});

test('a key pair', async () => {
  await addGroup('keypair', { keypair: 'door' });
  await call(world.member, 'DELETE', '/compute/v2.1/os-keypairs/door');
  await grow('keypair', 2);
  expect(await problemOf('keypair')).toMatchObject({
    code: 'KEYPAIR_GONE',
    whoMustAct: 'CUSTOMER',
    field: ['keypair'],
    message: expect.stringContaining('Invalid key_name provided'),
  });
  await makeKeypair('door');
  await mended('keypair');
});

test('a volume type, and the image of a root volume', async () => {
  await addGroup('volume', { image: 'disk', rootVolume: { sizeGiB: 20, type: 'fast' } });
  await call(world.admin, 'DELETE', `/volume/v3/types/${ids['fast']}`);
  await grow('volume', 2);
  expect(await problemOf('volume')).toMatchObject({
    code: 'VOLUME_TYPE_GONE',
    whoMustAct: 'CUSTOMER',
    field: ['rootVolume'],
    message: expect.stringContaining('Volume type with name fast could not be found'),
  });
  await makeType('fast');
  await mended('volume');
  await call(world.member, 'DELETE', `/image/v2/images/${ids['disk']}`);
  await grow('volume', 3);
  expect(await problemOf('volume')).toMatchObject({
    code: 'IMAGE_GONE',
    message: expect.stringContaining('Invalid image identifier or unable to access requested image'),
  });
  await upload('disk');
  await mended('volume');
});

test('addresses, and ports by quota', async () => {
  const id = ids['narrow'];
  await addGroup('narrow', { additionalNetworks: [id] });
  await grow('narrow', 2);
  expect(await problemOf('narrow')).toMatchObject({
    code: 'ADDRESSES_EXHAUSTED',
    whoMustAct: 'CUSTOMER',
    message: expect.stringContaining(`No more IP addresses available on network ${id}`),
  });
  await grow('narrow', 1);
  await mended('narrow');
  await addGroup('ports', {});
  // The look at the quotas before a growth does not see what others take meanwhile.
  await world.control('POST', 'faults', {
    service: 'network',
    method: 'POST',
    path: '/ports',
    times: 1,
    kind: 'status',
    status: 409,
    body: JSON.stringify({ NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['port'].", detail: '' } }),
  });
  await grow('ports', 2);
  expect(await problemOf('ports')).toMatchObject({ code: 'QUOTA_EXCEEDED', whoMustAct: 'CUSTOMER', quota: { resource: 'port' } });
  await mended('ports');
});
