/** What comes after a cluster's first day, for many at once on the sandbox: an upgrade, and the loss of their seed. */
import { availableParallelism } from 'node:os';
import { create, listClusters, until, upgrade } from './clusters.ts';
import type { Row } from './report.ts';
import { ask, cpuSeconds, inWorld, registerSeed, type World } from './world.ts';

/** Of the control plane, and of workers. */
const SIZE = { replicas: 1, workers: 1 };
const LOST_FOR_MS = 60_000;

/** With plausible latencies: the time of one is mostly waiting. */
export const benchDayTwo = (many: number): Promise<Row[]> =>
  inWorld(
    async (world) => {
      await registerSeed(world);
      await create(world, ['one'], SIZE);
      const oneMs = await upgrade(world, ['one']);
      const names = Array.from({ length: many }, (_, i) => `c${i}`);
      await create(world, names, SIZE);
      const busy = () => ({ server: cpuSeconds(world.server), sandbox: cpuSeconds(world.sandbox) });
      const before = busy();
      const manyMs = await upgrade(world, names);
      const after = busy();
      const ratio = manyMs / oneMs;
      const share = (who: 'server' | 'sandbox') => `${(after[who] - before[who]).toFixed(0)} s`;
      return [
        {
          what: `${many} clusters of 1 + 1 upgraded at once, against one (${(oneMs / 1000).toFixed(1)} s)`,
          figure: `${ratio.toFixed(1)} ×`,
          goal: '≤ 3 ×',
          met: ratio <= 3,
        },
        // Two processes that play 100 clouds' worth of machines and API servers on the cores that Seedbed has, too.
        {
          what: `CPU time of that (${(manyMs / 1000).toFixed(0)} s on ${availableParallelism()} cores): Seedbed's, and the sandbox's`,
          figure: `${share('server')}, ${share('sandbox')}`,
          goal: 'told only',
          met: null,
        },
        ...(await loseSeed(world, many)),
      ];
    },
    { latency: 1 },
  );

/** All clusters are the seed's: what is done and asked while it is away for a minute. */
const loseSeed = async ({ admin, handover: { controlUrl } }: World, many: number): Promise<Row[]> => {
  const control = async (method: string, path: string, body?: object): Promise<unknown> =>
    (await fetch(`${controlUrl}/${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })).json();
  for (const service of ['kubernetes', 'hosted']) await control('POST', 'faults', { service, kind: 'resetBefore' });
  // Watches that are open go on in the sandbox; whatever asks the seed next finds it silent.
  const change = 'mutation($input: UpdateSeedInput!) { updateSeed(input: $input) { __typename } }';
  await ask(admin, change, { input: { seedId: 'bench', maxClusters: 10 * many } });
  await until(async () => (await listClusters(admin)).every(({ state }) => state === 'UNKNOWN'));
  const probes = async () =>
    ((await control('GET', 'faults')) as { faults: { hits: number }[] }).faults.reduce((sum, { hits }) => sum + hits, 0);
  await control('DELETE', 'counters');
  const before = await probes();
  await new Promise((resolve) => setTimeout(resolve, LOST_FOR_MS));
  const asked = (await probes()) - before;
  const { byService } = (await control('GET', 'counters')) as { byService: Record<string, { writes: number }> };
  const writes = Object.values(byService).reduce((sum, service) => sum + service.writes, 0);
  const perSecond = asked / (LOST_FOR_MS / 1000);
  return [
    { what: `a seed lost with ${many + 1} clusters: writes to any cloud in a minute`, figure: `${writes}`, goal: '0', met: writes === 0 },
    { what: 'calls to it and its clusters', figure: `${perSecond.toFixed(2)}/s`, goal: '≤ 1/s', met: perSecond <= 1 },
  ];
};
