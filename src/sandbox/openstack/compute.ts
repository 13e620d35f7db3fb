/** The simulated Nova: versions, flavors, key pairs, server groups, limits, and the servers of the neighbouring files. */
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { limitRoutes } from './computeLimits.ts';
import { type Flavor, type KeyPair, novaMicroTime, type ServerGroup } from './computeState.ts';
import { ApiError, accepted, type Call, noContent, ok, type Route } from './http.ts';
import { envelope, optionalInteger, optionalObject, optionalString, requiredString, stringList } from './input.ts';
import type { ServerDeps } from './serverCreate.ts';
import { serverRoutes } from './servers.ts';
import { linksTo } from './serverView.ts';
import type { Service } from './service.ts';

const MAX_MICROVERSION = 93;

const denied = (rule: string): ApiError => new ApiError(403, `Policy doesn't allow os_compute_api:${rule} to be performed.`);

const version = (base: string): object => ({
  id: 'v2.1',
  status: 'CURRENT',
  version: `2.${MAX_MICROVERSION}`,
  min_version: '2.1',
  updated: '2013-07-23T11:33:21Z',
  links: [{ rel: 'self', href: `${base}/v2.1/` }],
});

const versionRoutes = (): Route[] => [
  { method: 'GET', template: '/', open: true, handle: (call) => ok({ versions: [version(call.baseUrl)] }) },
  {
    method: 'GET',
    template: '/v2.1',
    open: true,
    handle: (call) =>
      ok({
        version: {
          ...version(call.baseUrl),
          'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }],
        },
      }),
  },
];

const describeFlavor = (flavor: Flavor, call: Call): object => ({
  id: flavor.id,
  name: flavor.name,
  ram: flavor.ram,
  disk: flavor.disk,
  swap: call.microversion >= 75 ? 0 : '',
  'OS-FLV-EXT-DATA:ephemeral': 0,
  'OS-FLV-DISABLED:disabled': false,
  vcpus: flavor.vcpus,
  'os-flavor-access:is_public': true,
  rxtx_factor: 1,
  links: linksTo(call, 'flavors', flavor.id),
  ...(call.microversion >= 55 ? { description: null } : {}),
  ...(call.microversion >= 61 ? { extra_specs: flavor.extraSpecs } : {}),
});

const flavorRoutes = (deps: ServerDeps): Route[] => {
  const get = (call: Call): Flavor => {
    const flavor = deps.compute.flavors.get(call.params.id ?? '');
    if (flavor === undefined) throw new ApiError(404, `Flavor ${call.params.id} could not be found.`);
    return flavor;
  };
  const create = (call: Call): Flavor => {
    if (!call.actor.isAdmin) throw denied('os-flavor-manage:create');
    const fields = envelope(call.body, 'flavor');
    const name = requiredString(fields, 'name');
    if ([...deps.compute.flavors.all()].some((f) => f.name === name)) throw new ApiError(409, `Flavor with name ${name} already exists.`);
    const number = (key: string): number => optionalInteger(fields, key) ?? 0;
    const id = optionalString(fields, 'id') ?? randomUUID();
    return deps.compute.flavors.put({ id, name, vcpus: number('vcpus'), ram: number('ram'), disk: number('disk'), extraSpecs: {} });
  };
  const page = (call: Call): { rows: Flavor[]; links: object } => {
    const all = [...deps.compute.flavors.all()].filter(
      (f) => f.ram >= Number(call.query.get('minRam') ?? 0) && f.disk >= Number(call.query.get('minDisk') ?? 0),
    );
    const from = call.query.has('marker') ? all.findIndex((f) => f.id === call.query.get('marker')) + 1 : 0;
    const limit = Number(call.query.get('limit') ?? 1000);
    const rows = all.slice(from, from + limit);
    const last = rows.at(-1);
    if (last === undefined || from + rows.length >= all.length) return { rows, links: {} };
    return { rows, links: { flavors_links: [{ rel: 'next', href: `${call.baseUrl}${call.path}?limit=${limit}&marker=${last.id}` }] } };
  };
  const list = (call: Call, describe: (f: Flavor) => object): object => {
    const { rows, links } = page(call);
    return { flavors: rows.map(describe), ...links };
  };
  return [
    {
      method: 'GET',
      template: '/v2.1/flavors',
      handle: (call) => ok(list(call, (f) => ({ id: f.id, name: f.name, links: linksTo(call, 'flavors', f.id) }))),
    },
    { method: 'GET', template: '/v2.1/flavors/detail', handle: (call) => ok(list(call, (f) => describeFlavor(f, call))) },
    { method: 'GET', template: '/v2.1/flavors/{id}', handle: (call) => ok({ flavor: describeFlavor(get(call), call) }) },
    { method: 'POST', template: '/v2.1/flavors', handle: (call) => ok({ flavor: describeFlavor(create(call), call) }) },
    {
      method: 'DELETE',
      template: '/v2.1/flavors/{id}',
      handle: (call) => {
        if (!call.actor.isAdmin) throw denied('os-flavor-manage:delete');
        deps.compute.flavors.remove(get(call).id);
        return accepted();
      },
    },
    { method: 'GET', template: '/v2.1/flavors/{id}/os-extra_specs', handle: (call) => ok({ extra_specs: get(call).extraSpecs }) },
  ];
};

/** MD5 over the key's bytes in pairs, as OpenSSH showed fingerprints when Nova was young. */
const fingerprintOf = (publicKey: string): string => {
  const bytes = Buffer.from(publicKey.trim().split(/\s+/)[1] ?? '', 'base64');
  return (createHash('md5').update(bytes).digest('hex').match(/../g) ?? []).join(':');
};

const sshPublicKey = (): { publicKey: string; privateKey: string } => {
  const pair = generateKeyPairSync('ed25519');
  const raw = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const field = (b: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, b.length]), b]);
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64');
  return {
    publicKey: `ssh-ed25519 ${blob} Generated-by-Nova`,
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};

const keyPairRoutes = (deps: ServerDeps): Route[] => {
  const describe = (k: KeyPair): object => ({ name: k.name, public_key: k.publicKey, fingerprint: k.fingerprint, type: k.type });
  const detail = (k: KeyPair): object => ({
    ...describe(k),
    user_id: k.userId,
    id: 1,
    created_at: k.createdAt,
    deleted: false,
    deleted_at: null,
    updated_at: null,
  });
  const get = (call: Call): KeyPair => {
    const name = call.params.name ?? '';
    const pair = deps.compute.keyPairs.get(`${call.actor.userId}/${name}`);
    if (pair === undefined) throw new ApiError(404, `Keypair ${name} not found for user ${call.actor.userId}`);
    return pair;
  };
  const create = (call: Call): object => {
    const fields = envelope(call.body, 'keypair');
    const name = requiredString(fields, 'name');
    const { userId } = call.actor;
    if (deps.compute.keyPairs.get(`${userId}/${name}`) !== undefined) throw new ApiError(409, `Key pair '${name}' already exists.`);
    const given = optionalString(fields, 'public_key');
    if (given !== undefined && !/^(ssh-|ecdsa-)\S+ [A-Za-z0-9+/=]+/.test(given.trim()))
      throw new ApiError(400, 'Keypair data is invalid: failed to generate fingerprint');
    const made = given === undefined ? sshPublicKey() : undefined;
    const publicKey = given ?? made?.publicKey ?? '';
    const pair = {
      id: `${userId}/${name}`,
      name,
      userId,
      publicKey,
      fingerprint: fingerprintOf(publicKey),
      type: 'ssh',
      createdAt: novaMicroTime(deps.now()),
    };
    deps.compute.keyPairs.put(pair);
    return { ...describe(pair), user_id: userId, ...(made === undefined ? {} : { private_key: made.privateKey }) };
  };
  return [
    {
      method: 'GET',
      template: '/v2.1/os-keypairs',
      handle: (call) => ok({ keypairs: deps.compute.keyPairs.by('user', call.actor.userId).map((k) => ({ keypair: describe(k) })) }),
    },
    {
      method: 'POST',
      template: '/v2.1/os-keypairs',
      handle: (call) => ({ status: call.microversion >= 2 ? 201 : 200, body: { keypair: create(call) } }),
    },
    { method: 'GET', template: '/v2.1/os-keypairs/{name}', handle: (call) => ok({ keypair: detail(get(call)) }) },
    {
      method: 'DELETE',
      template: '/v2.1/os-keypairs/{name}',
      handle: (call) => {
        deps.compute.keyPairs.remove(get(call).id);
        return call.microversion >= 2 ? noContent : { status: 202 };
      },
    },
  ];
};

const policyOf = (call: Call): { policy: string; rules: Record<string, unknown> } => {
  const fields = envelope(call.body, 'server_group');
  const policies =
    call.microversion >= 15 ? ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] : ['affinity', 'anti-affinity'];
  const policy = call.microversion >= 64 ? optionalString(fields, 'policy') : stringList(fields, 'policies')?.[0];
  if (policy === undefined)
    throw new ApiError(
      400,
      `Invalid input for field/attribute server_group. '${call.microversion >= 64 ? 'policy' : 'policies'}' is a required property`,
    );
  if (!policies.includes(policy))
    throw new ApiError(
      400,
      `Invalid input for field/attribute policy. Value: ${policy}. '${policy}' is not one of ${JSON.stringify(policies)}`,
    );
  return { policy, rules: optionalObject(fields, 'rules') ?? {} };
};

const serverGroupRoutes = (deps: ServerDeps): Route[] => {
  const { serverGroups } = deps.compute;
  const describe = (g: ServerGroup, call: Call): object => ({
    id: g.id,
    name: g.name,
    ...(call.microversion >= 64 ? { policy: g.policy, rules: g.rules } : { policies: [g.policy], metadata: {} }),
    members: g.members,
    ...(call.microversion >= 13 ? { project_id: g.projectId, user_id: g.userId } : {}),
  });
  const get = (call: Call): ServerGroup => {
    const group = serverGroups.get(call.params.id ?? '');
    if (group === undefined || !(call.actor.isAdmin || group.projectId === call.actor.projectId))
      throw new ApiError(404, `Instance group ${call.params.id} could not be found.`);
    return group;
  };
  const create = (call: Call): ServerGroup => {
    if (!call.actor.canWrite) throw denied('os-server-groups:create');
    const name = requiredString(envelope(call.body, 'server_group'), 'name');
    const { projectId, userId } = call.actor;
    if (!deps.quotas.fits(projectId, 'server_groups', serverGroups.countBy('project_id', projectId), 1))
      throw new ApiError(403, 'Quota exceeded, too many server groups.');
    return serverGroups.put({ id: randomUUID(), name, ...policyOf(call), members: [], projectId, userId });
  };
  const list = (call: Call): ServerGroup[] => {
    const all = call.actor.isAdmin && call.query.has('all_projects');
    const rows = all ? [...serverGroups.all()] : serverGroups.by('project_id', call.actor.projectId);
    const from = Number(call.query.get('offset') ?? 0);
    return rows.slice(from, from + Number(call.query.get('limit') ?? 1000));
  };
  return [
    {
      method: 'GET',
      template: '/v2.1/os-server-groups',
      handle: (call) => ok({ server_groups: list(call).map((g) => describe(g, call)) }),
    },
    { method: 'POST', template: '/v2.1/os-server-groups', handle: (call) => ok({ server_group: describe(create(call), call) }) },
    { method: 'GET', template: '/v2.1/os-server-groups/{id}', handle: (call) => ok({ server_group: describe(get(call), call) }) },
    {
      method: 'DELETE',
      template: '/v2.1/os-server-groups/{id}',
      handle: (call) => {
        const group = get(call);
        if (!call.actor.canWrite) throw denied('os-server-groups:delete');
        serverGroups.remove(group.id);
        return noContent;
      },
    },
  ];
};

const WORDS: Record<number, string> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  429: 'overLimit',
  503: 'serviceUnavailable',
};

export const computeService = (deps: ServerDeps): Service => ({
  name: 'compute',
  prefix: '/compute',
  microversions: { name: 'compute', major: 2, max: MAX_MICROVERSION, legacyHeader: 'X-OpenStack-Nova-API-Version' },
  routes: [
    ...versionRoutes(),
    ...flavorRoutes(deps),
    ...keyPairRoutes(deps),
    ...serverGroupRoutes(deps),
    ...limitRoutes(deps),
    ...serverRoutes(deps),
  ],
  errorBody: (error) => ({
    body: { [WORDS[error.status] ?? 'computeFault']: { code: error.status, message: error.message } },
    contentType: 'application/json; charset=UTF-8',
  }),
});
