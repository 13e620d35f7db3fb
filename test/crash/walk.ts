/** A cluster's life, taken calmly or from one death of the server to the next. */
import { expect } from 'vitest';
import { openStory, type Settings, type Story, until } from '../reconcilers/story.ts';
import { type Orders, startMortal } from './mortal.ts';
import { shapeOfAll } from './shape.ts';

export interface Change {
  mutation: string;
  /** `backupId`: the newest; `otherSeedId`: of a seed that the cluster is not in. */
  input: (target: { clusterId: string; nodeGroupId: string; backupId: string; otherSeedId: string }) => object;
  state: 'READY' | 'HIBERNATED' | 'DELETED';
  /** Those of all clusters. */
  nodes: number;
  /** The cluster that it is about; when left out, the newest. */
  cluster?: string;
  /** Who asks; when left out, a member of the project. */
  by?: 'admin';
  /** The made seed that it is about, and no cluster. */
  seed?: string;
}

export const CREATE: Change = {
  mutation: 'createCluster',
  input: () => ({ name: 'walked', clusterTemplate: 'small', nodeCount: 2 }),
  state: 'READY',
  nodes: 2,
};
export const resize = (count: number): Change => ({
  mutation: 'resizeNodeGroup',
  input: ({ nodeGroupId }) => ({ nodeGroupId, count }),
  state: 'READY',
  nodes: count,
});
export const DELETE: Change = { mutation: 'deleteCluster', input: ({ clusterId }) => ({ clusterId }), state: 'DELETED', nodes: 0 };
export const ROTATE: Change = { mutation: 'rotateCertificates', input: ({ clusterId }) => ({ clusterId }), state: 'READY', nodes: 1 };
const LIFE: readonly Change[] = [CREATE, resize(3), resize(1), ROTATE, DELETE];

interface ClusterRow {
  id: string;
  short_id: string;
  state: string;
}
const newest = (story: Story, name?: string): ClusterRow | undefined =>
  story.rows<ClusterRow>(
    `select id, short_id, state from clusters ${name === undefined ? '' : `where name = '${name}'`} order by rowid desc limit 1`,
  )[0];
const count = (story: Story, from: string): number => story.rows<{ n: number }>(`select count(*) as n from ${from}`)[0]?.n ?? 0;

/** Asks until there is an answer, as a client does that has a key for the request. */
export const insist = (story: Story, change: Change): Promise<string> => {
  const { id: clusterId = '' } = newest(story, change.cluster) ?? {};
  const nodeGroupId = story.rows<{ id: string }>('select id from node_groups order by rowid desc limit 1')[0]?.id ?? '';
  const backupId = story.rows<{ id: string }>('select id from backups order by rowid desc limit 1')[0]?.id ?? '';
  const [other] = story.rows<{ id: string }>(
    `select id from seeds where id <> (select seed_id from clusters where id = '${clusterId}') order by rowid limit 1`,
  );
  const input = {
    ...change.input({ clusterId, nodeGroupId, backupId, otherSeedId: other?.id ?? '' }),
    idempotencyKey: `change-${count(story, 'operations')}`,
  };
  return until(async () => {
    const { operation } = await story.change<{ operation: { uuid: string } }>(
      story[change.by ?? 'member'],
      change.mutation,
      input,
      'operation { uuid }',
    );
    return operation.uuid;
  }, 900);
};

/** The change has come to its end, and nobody works any more. */
export const isOver = (story: Story, { state, nodes, cluster, seed }: Change): boolean => {
  if (seed !== undefined) return isSeedOver(story, seed, state);
  return isClusterOver(story, { state, nodes, cluster });
};

/** A seed is looked at every half minute while it is not whole. */
const SEED_REST_SECONDS = 5;

const isSeedOver = (story: Story, name: string, state: Change['state']): boolean => {
  const [row] = story.rows<{ state: string }>(`select state from seeds where name = '${name}' and deleted_at is null`);
  return (row?.state ?? 'DELETED') === state && isAtRest(story, SEED_REST_SECONDS);
};

const isClusterOver = (
  story: Story,
  { state, nodes, cluster }: Pick<Change, 'state' | 'nodes'> & { cluster: string | undefined },
): boolean => newest(story, cluster)?.state === state && count(story, 'nodes where deleted_at is null') === nodes && isAtRest(story);

/** Nothing that was asked for is under way, and nobody works any more, nor will within `seconds`. */
export const isAtRest = (story: Story, seconds = 60): boolean =>
  count(story, "operations where state in ('PENDING', 'RUNNING')") === 0 &&
  count(story, `work_items where lease_until is not null or due_at < unixepoch() * 1000 + ${1000 * seconds}`) === 0;

export const NEVER: Orders = { at: null, seen: null };

/** The change from its request to its end, with the server that is there. */
const calmly = async (story: Story, change: Change): Promise<void> => {
  await insist(story, change);
  await until(() => isOver(story, change), 120);
};

/** The same with server after server; `orders`: how the n-th of them dies. Returns how many did. */
export const walk = (bundle: string, story: Story, change: Change, orders: (life: number) => Orders): Promise<number> =>
  walkToEnd(bundle, story, { ask: () => insist(story, change), isOver: () => isOver(story, change) }, orders);

/** `ask`: until there is an answer, with a key for the request; the operation's id. */
interface Way {
  ask: () => Promise<string>;
  isOver: () => boolean;
}

export const walkToEnd = async (bundle: string, story: Story, way: Way, orders: (life: number) => Orders): Promise<number> => {
  await story.served.close();
  let answer: string | null = null;
  const asked = way.ask().then((id) => {
    answer = id;
  });
  let died = performance.now();
  const lives = async (): Promise<number> => {
    for (let deaths = 0; ; deaths += 1) {
      const server = await startMortal(bundle, story.settings, orders(deaths));
      story.served = server;
      while (server.alive()) {
        if (answer !== null && way.isOver()) return deaths;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      died = performance.now();
    }
  };
  const [deaths] = await Promise.all([lives(), asked]);
  expect(performance.now() - died, 'milliseconds from the last death to the end').toBeLessThan(60_000);
  // What was answered, by whichever server, is what was done, and once.
  expect(story.rows(`select state, problem from operations where id = '${answer}'`)).toEqual([{ state: 'SUCCEEDED', problem: null }]);
  await story.served.close();
  story.served = await startMortal(bundle, story.settings, NEVER);
  return deaths;
};

/** A server that can die, with nothing to wait for: a create that was cut off is known to have come to something or not. */
export const openMortalStory = (bundle: string, given: { settings?: Settings; template?: object; seeds?: number } = {}): Promise<Story> =>
  openStory({
    serve: (all) => startMortal(bundle, all, NEVER),
    settings: { cutOffSeconds: 0, ...given.settings },
    template: { floatingIpEnabled: true, ...given.template },
    seeds: given.seeds ?? 1,
  });

/** A seed on a busy machine finds etcd unwell now and then, and a Job looks at its members for some seconds; what stays of one is seen. */
const shapeAtRest = async (story: Story): Promise<string[]> => {
  await until(async () => (await shapeOfAll(story)).every((line) => !line.includes('-etcd-task-check')), 60).catch(() => {});
  return await shapeOfAll(story);
};

/** Two lives of one form: the first calm, the second as `take` takes it (false: calm as well). After each change all is as in the first. */
export const expectSameLife = async (
  story: Story,
  take: (change: Change, place: number) => Promise<boolean>,
  life: readonly Change[] = LIFE,
): Promise<void> => {
  const calm: string[][] = [];
  for (const change of life) {
    await calmly(story, change);
    calm.push(await shapeAtRest(story));
  }
  expect(calm.at(-1)?.filter((line) => /ID|^inventory|^hosted|trust|server|router|floatingIp/.test(line))).toEqual([]);
  for (const [place, change] of life.entries()) {
    if (!(await take(change, place))) await calmly(story, change);
    expect(await shapeAtRest(story)).toEqual(calm[place]);
  }
  const asked = story.rows("select 1 from audit where outcome = 'ACCEPTED' and target_kind in ('CLUSTER', 'NODE_GROUP', 'BACKUP')");
  expect(asked).toHaveLength(2 * life.length);
  const streams = story.rows<{ last: number; n: number }>('select max(number) as last, count(*) as n from events group by stream_id');
  for (const { last, n } of streams) expect(n).toBe(last);
  expect(story.rows("select owner_id, name from secrets where owner_id not in (select id from seeds) and owner_id <> 'seedbed'")).toEqual(
    [],
  );
};
