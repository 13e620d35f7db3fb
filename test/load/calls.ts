/** How many calls to OpenStack a cluster costs: to make it, against what cannot be had with fewer; and at rest, with few clusters and with many. */
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import { createApi, followProgress } from '../real/support/graphql.ts';
import type { Row } from './report.ts';
import { inWorld, registerSeed, SERVER_URL, type World } from './world.ts';

const WORKERS = 3;
/** Looks are spread in time, and what one has seen serves the others of a tenth of it: of few clusters, each has listings to itself. */
const FEW = 30;
const MANY = 90;
/** Each is followed on a connection of its own, of which a user has twenty. */
const AT_ONCE = 10;
/** How often each cluster is looked at in full, ten minutes by default; the figures are of so many looks at each. */
const DRIFT_SECONDS = 30;
const LOOKS = 4;

type Things = Record<string, Record<string, { id?: string; tags?: string[] }[]>>;

export const benchCalls = (): Promise<Row[]> =>
  inWorld(measure, { latency: 1, settings: { SEEDBED_DRIFT_SECONDS: String(DRIFT_SECONDS) } });

const measure = async (world: World): Promise<Row[]> => {
  await registerSeed(world);
  // The first of all has the first calls of the server, too.
  await create(world, 'first', WORKERS);
  const before = await things(world);
  await control(world, 'POST', 'record');
  await create(world, 'counted', WORKERS);
  const { calls } = (await control(world, 'GET', 'record')) as { calls: RecordedCall[] };
  const needed = neededWrites(before, await things(world));
  const writes = calls.filter(({ write }) => write).length;
  const reads = calls.filter(({ method }) => method === 'GET' || method === 'HEAD').length;
  const some = async (from: number, to: number) => {
    for (let next = from; next < to; next += AT_ONCE)
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - next) }, (_, i) => create(world, `rest-${next + i}`, 1)));
  };
  await control(world, 'PUT', `quotas/${world.handover.users.member.projectId}`, UNLIMITED);
  await some(2, FEW);
  const few = await countAtRest(world);
  await some(FEW, MANY);
  const many = await countAtRest(world);
  const ratio = writes / needed;
  return [
    {
      what: `writes to OpenStack for one cluster of 1 + ${WORKERS} ÷ the ${needed} that it takes`,
      figure: `${writes} = ${ratio.toFixed(2)}`,
      goal: '≤ 1.2',
      met: ratio <= 1.2,
    },
    { what: 'reads for it ÷ writes', figure: `${reads} = ${(reads / writes).toFixed(2)}`, goal: '≤ 1', met: reads <= writes },
    {
      what: `calls in ${LOOKS} looks at all at rest, ${FEW} clusters and ${MANY} of one project`,
      figure: `${few}, ${many}`,
      goal: 'as many',
      met: many <= 1.2 * few,
    },
  ];
};

const create = async ({ member }: World, name: string, nodeCount: number): Promise<void> => {
  const input = { name, clusterTemplate: 'bench', nodeCount };
  const { cluster } = await createApi(SERVER_URL, member).change<{ cluster: { id: string } }>('createCluster', input, 'cluster { id }');
  await followProgress(SERVER_URL, member, cluster.id, 0, () => {}, 300);
};

/** Of all calls, once what had been going on is over. */
const countAtRest = async (world: World): Promise<number> => {
  await sleep(10);
  await control(world, 'DELETE', 'counters');
  await sleep(LOOKS * DRIFT_SECONDS);
  const { byService } = (await control(world, 'GET', 'counters')) as { byService: Record<string, { total: number }> };
  return Object.entries(byService)
    .filter(([service]) => service !== 'kubernetes' && service !== 'hosted')
    .reduce((sum, [, { total }]) => sum + total, 0);
};

/**
 * One for each thing that is there now and was not, and for what Neutron takes in no such call: the tags of each thing of its own, a router's
 * interface, and the rules of a group, which come all at once.
 */
const neededWrites = (before: Things, after: Things): number => {
  const fresh = (service: string, kind: string) => {
    const known = new Set((before[service]?.[kind] ?? []).map(({ id }) => id));
    return (after[service]?.[kind] ?? []).filter(({ id }) => !known.has(id));
  };
  const made = KINDS.flatMap(([service, ...kinds]) => kinds.flatMap((kind) => fresh(service, kind)));
  const tagged = NETWORK_KINDS.flatMap((kind) => fresh('network', kind)).filter(({ tags }) => (tags?.length ?? 0) > 0);
  const apart = fresh('network', 'routers').length + fresh('network', 'securityGroups').length;
  return made.length + tagged.length + apart;
};

const NETWORK_KINDS = ['networks', 'subnets', 'routers', 'ports', 'securityGroups', 'floatingIps'];
const KINDS = [
  ['identity', 'trusts', 'applicationCredentials'],
  ['compute', 'servers', 'serverGroups'],
  ['network', ...NETWORK_KINDS],
  ['volume', 'volumes'],
] as const;

const things = async (world: World): Promise<Things> => ((await control(world, 'GET', 'world')) as { openstack: Things }).openstack;

const UNLIMITED = Object.fromEntries(
  ['instances', 'cores', 'ram', 'server_groups', 'network', 'subnet', 'port', 'router', 'security_group', 'security_group_rule'].map(
    (name) => [name, -1],
  ),
);

const control = async ({ handover }: World, method: string, path: string, body?: object): Promise<unknown> => {
  const answer = await fetch(`${handover.controlUrl}/${path}`, { method, ...(body && { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${path} of the sandbox: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
};

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
