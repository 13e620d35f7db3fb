/** What Seedbed adds to the waits of an upgrade, and what many upgrades at once add to one, in a cloud that is not as quick as the sandbox can be. */
import { create, upgrade } from './clusters.ts';
import type { Row } from './report.ts';
import { inWorld, registerSeed } from './world.ts';

/** Times a quick cloud's durations (a server is ACTIVE after 0.8 s, its guest up 1 s later): the second is 8 s and 10 s. */
const QUICK = 4;
const USUAL = 10;

export const benchUpgrade = async (many: number): Promise<Row[]> => [...(await overhead()), ...(await atOnce(many))];

/**
 * All that the upgrade waits for takes as many times as long as it is told to: what is left when that is nothing is Seedbed's, its looks at
 * the cloud, its work and its commits.
 */
const overhead = async (): Promise<Row[]> => {
  const quick = await upgradeOne(QUICK);
  const usual = await upgradeOne(USUAL);
  const perTime = (usual - quick) / (USUAL - QUICK);
  const own = usual - USUAL * perTime;
  const waits = USUAL * perTime;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return [
    { what: 'one cluster of 3 + 3 upgraded, one worker at a time', figure: seconds(usual), goal: 'told only', met: null },
    {
      what: "Seedbed's overhead over the waits in it",
      figure: `${seconds(own)} = ${((100 * own) / waits).toFixed(0)} %`,
      goal: '≤ 5 %',
      met: own <= 0.05 * waits,
    },
  ];
};

const upgradeOne = (latency: number): Promise<number> =>
  inWorld(
    async (world) => {
      await registerSeed(world);
      await create(world, ['one'], { replicas: 3, workers: 3 });
      return await upgrade(world, ['one']);
    },
    { latency },
  );

const atOnce = (many: number): Promise<Row[]> =>
  inWorld(
    async (world) => {
      await registerSeed(world);
      await create(world, ['one'], { replicas: 1, workers: 1 });
      const oneMs = await upgrade(world, ['one']);
      const names = Array.from({ length: many }, (_, i) => `c${i}`);
      await create(world, names, { replicas: 1, workers: 1 });
      const ratio = (await upgrade(world, names)) / oneMs;
      return [
        {
          what: `${many} clusters of 1 + 1 upgraded at once in that cloud, against one (${(oneMs / 1000).toFixed(0)} s)`,
          figure: `${ratio.toFixed(1)} ×`,
          goal: '≤ 3 ×',
          met: ratio <= 3,
        },
      ];
    },
    { latency: USUAL },
  );
