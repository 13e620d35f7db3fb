/** Every status and fault form, as it comes over the wire, becomes the right error. Fault texts are those of a real cloud (Zed). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, NotFound, Unavailable, UserError } from '../../src/domain/errors.ts';
import { type Answer, type FakeCloud, failing, startFakeCloud } from './fakeCloud.ts';

let cloud: FakeCloud;
beforeEach(async () => {
  cloud = await startFakeCloud();
});
afterEach(() => cloud.close());

const failureWith = async (service: 'compute' | 'network' | 'volume', answer: Answer): Promise<unknown> => {
  const paths = { compute: '/compute/v2.1/servers/s1', network: '/network/v2.0/ports/s1', volume: '/volume/v3/p1/volumes/s1' };
  cloud.on(`GET ${paths[service]}`, answer);
  const open = cloud.open();
  const calls = {
    compute: () => open.compute.getServer('s1'),
    network: () => open.network.getPort('s1'),
    volume: () => open.volume.getVolume('s1'),
  };
  return failing(calls[service]());
};

const NOVA_QUOTA =
  'Quota exceeded for cores, instances, ram: Requested 2, 1, 2048, but already used 4, 2, 4096 of 4, 2, 4096 cores, instances, ram';
const CINDER_SIZE =
  'VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 20G, quota is 10G and 5G has been consumed.';
const CINDER_COUNT = "VolumeLimitExceeded: Maximum number of volumes allowed (2) exceeded for quota 'volumes'.";

test.each([
  ['Nova', 'compute', 403, { forbidden: { code: 403, message: NOVA_QUOTA } }, { resource: 'cores', requested: 2, used: 4, limit: 4 }],
  [
    'Nova, one resource',
    'compute',
    403,
    { forbidden: { code: 403, message: 'Quota exceeded for cores: Requested 2, but already used 20 of 20 cores' } },
    { resource: 'cores', requested: 2, used: 20, limit: 20 },
  ],
  [
    'Nova, server groups',
    'compute',
    403,
    { forbidden: { code: 403, message: 'Quota exceeded, too many server groups.' } },
    { resource: 'server groups', requested: null, used: null, limit: null },
  ],
  [
    'Neutron',
    'network',
    409,
    { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['port'].", detail: '' } },
    { resource: 'port', requested: null, used: null, limit: null },
  ],
  [
    'Cinder, size',
    'volume',
    413,
    { overLimit: { code: 413, message: CINDER_SIZE, retryAfter: '0' } },
    { resource: 'gigabytes', requested: 20, used: 5, limit: 10 },
  ],
  [
    'Cinder, count',
    'volume',
    413,
    { overLimit: { code: 413, message: CINDER_COUNT } },
    { resource: 'volumes', requested: 1, used: 2, limit: 2 },
  ],
  [
    'Octavia’s form',
    'network',
    403,
    { faultcode: 'Client', faultstring: 'Quota has been met for resources: Load Balancer', debuginfo: null },
    { resource: 'Load Balancer', requested: null, used: null, limit: null },
  ],
] as const)('quota: %s', async (_name, service, status, body, quota) => {
  const error = await failureWith(service, { status, body });
  expect(error).toBeInstanceOf(UserError);
  expect(error).toMatchObject({
    code: 'QUOTA_EXCEEDED',
    retryable: false,
    detail: { openstack: { service, status, requestId: 'req-1' } },
  });
  expect((error as UserError).toProblem()).toMatchObject({ whoMustAct: 'CUSTOMER', quota: { source: 'OPENSTACK', ...quota } });
});

test('quota: each resource that Nova names', async () => {
  const error = (await failureWith('compute', { status: 403, body: { forbidden: { code: 403, message: NOVA_QUOTA } } })) as UserError;
  expect(error.toProblem().quotas).toMatchObject([
    { source: 'OPENSTACK', resource: 'cores', requested: 2, used: 4, limit: 4 },
    { resource: 'instances', requested: 1, used: 2, limit: 2 },
    { resource: 'ram', requested: 2048, used: 4096, limit: 4096 },
  ]);
});

test.each([
  [
    400,
    { badRequest: { code: 400, message: 'Invalid key_name provided.' } },
    UserError,
    'CLOUD_REFUSED',
    'The compute service refused the request: Invalid key_name provided.',
  ],
  [
    403,
    { forbidden: { code: 403, message: "Policy doesn't allow it." } },
    UserError,
    'CLOUD_REFUSED',
    "The compute service does not allow this: Policy doesn't allow it.",
  ],
  [
    404,
    { itemNotFound: { code: 404, message: 'Instance s1 could not be found.' } },
    NotFound,
    'NOT_FOUND',
    'compute servers/s1 ("Instance s1 could not be found.") was not found.',
  ],
  [
    409,
    { conflictingRequest: { code: 409, message: 'Not ready.' } },
    Conflict,
    'CONFLICT',
    'The compute service reports a conflict: Not ready.',
  ],
  [
    413,
    { overLimit: { code: 413, message: 'Request is too large.<br /><br />' } },
    UserError,
    'CLOUD_REFUSED',
    'The compute service refused the request: Request is too large.',
  ],
  [
    500,
    { computeFault: { code: 500, message: 'Unexpected API Error.' } },
    Unavailable,
    'CLOUD_UNAVAILABLE',
    'The compute service failed with status 500: Unexpected API Error.',
  ],
  [501, {}, UserError, 'CLOUD_REFUSED', 'The compute service refused the request.'],
] as const)('status %i', async (status, body, kind, code, message) => {
  const error = await failureWith('compute', { status, body });
  expect(error).toBeInstanceOf(kind);
  expect(error).toMatchObject({ code, message, detail: { openstack: { service: 'compute', status, requestId: 'req-1' } } });
});

test('addresses used up are the customer’s to mend, not a conflict', async () => {
  const NeutronError = { type: 'IpAddressGenerationFailure', message: 'No more IP addresses available on network n1.', detail: '' };
  expect(await failureWith('network', { status: 409, body: { NeutronError } })).toMatchObject({
    code: 'ADDRESSES_EXHAUSTED',
    retryable: false,
    detail: { whoMustAct: 'CUSTOMER' },
  });
});

test('a conflict that merely names a quota stays a conflict', async () => {
  const NeutronError = { type: 'PortInUse', message: 'Quota port is in use, limit reached.', detail: '' };
  expect(await failureWith('network', { status: 409, body: { NeutronError } })).toBeInstanceOf(Conflict);
});

test('neither user data nor tokens come back in an error', async () => {
  const userData = 'join-token-abcdef.0123456789abcdef';
  const encoded = Buffer.from(userData.repeat(40)).toString('base64');
  const texts = [
    `Invalid input for field/attribute user_data. Value: ${encoded}. '${encoded}' is too long`,
    `Invalid input for field/attribute user_data. Value: ${userData} x. short`,
    `Invalid input for field/attribute server. Value: {'name': 'n', 'user_data': '${userData}', 'adminPass': 'hunter2'}. extra`,
    `Token gAAAAA${'x'.repeat(180)} is bad`,
  ];
  for (const message of texts) {
    const error = await failureWith('compute', { status: 400, body: { badRequest: { code: 400, message } } });
    expect(String(error)).toContain('[removed]');
    expect(String(error)).not.toMatch(/abcdef\.|hunter2|xxxxx/);
    expect(String(error)).not.toContain(encoded.slice(0, 40));
  }
});

test('an object id cannot leave its place in the path', async () => {
  cloud.on('GET /compute/v2.1/servers/..%2Fos-keypairs', { status: 404, body: {} });
  expect(await failing(cloud.open().compute.getServer('../os-keypairs'))).toBeInstanceOf(NotFound);
  expect(cloud.seen.map((call) => call.path)).toEqual(['/compute/v2.1/', '/compute/v2.1/servers/..%2Fos-keypairs']);
  expect(await failing(cloud.open().compute.getServer('..'))).toBeInstanceOf(NotFound);
  expect(await failing(cloud.open().compute.getServer(''))).toBeInstanceOf(NotFound);
  expect(cloud.seen).toHaveLength(2);
});
