/** A cluster that heals itself, and how to see and hurt it. */
import { expect } from 'vitest';
import { accessOf, at, type Client, createClient, type Fields } from '../sandbox/kubernetes/client.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

/** Shorter than anybody may ask for, so that the stories are. */
const LIMIT_SECONDS = 3;
export const LONGER_THAN_LIMIT_MS = 6_000;

export interface NodeNow {
  id: string;
  name: string;
  state: string;
  server_id: string;
  trouble: string | null;
}

export interface HealingNow {
  status: string;
  state: string;
  reason: string;
  message: string;
  waiting_for: string | null;
}

export interface HealNow {
  id: string;
  state: string;
  reason: string;
  requested_by: string;
  requested_at: number;
}

export interface HealingWorld {
  world: Living;
  clusterId: string;
  groupId: string;
  tenant: Client;
  liveNodes(): NodeNow[];
  /** Operations, the oldest first. */
  heals(): HealNow[];
  condition(): HealingNow | undefined;
  /** `forGood`: not even a reboot makes them run again. */
  kubelets(names: readonly string[], running: boolean, forGood?: boolean): Promise<unknown>;
  /** How often Nova was asked to reboot a server. */
  reboots(): Promise<number>;
  /** As node-problem-detector does: these conditions are True on the node. */
  report(name: string, types: readonly string[]): Promise<void>;
  /** Deleted by the customer, in the cloud. */
  deleteServer(id: string): Promise<unknown>;
  /** Until this many nodes are there, all well. */
  allReady(count?: number): Promise<unknown>;
  /** Until `victim` is gone and the group is whole again; the operation that did it, which is number `before`. */
  healed(victim: NodeNow | undefined, before: number): Promise<HealNow | undefined>;
  events(subjectId: string, what: string): { message: string; number: number }[];
  close(): Promise<void>;
}

/** What a cluster that heals itself is asked for with. */
export const HEALS = { autoHealingEnabled: true, healing: { nodeLimitSeconds: 10 } };

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** All clusters that there are have the short limit. */
export const hurry = (world: Living) =>
  world.write(`update clusters set spec = json_set(spec, '$.healing.nodeLimitSeconds', ${LIMIT_SECONDS})`);

export const openHealing = async (nodeCount: number): Promise<HealingWorld> => {
  const world = await openLiving({ drainSeconds: '15' });
  const clusterId = await world.makeCluster('heal', {
    nodeCount,
    overrides: HEALS,
  });
  hurry(world);
  const groupId = world.rows<{ id: string }>('select id from node_groups')[0]?.id ?? '';
  const issued = await world.change<{ kubeconfig: string }>(world.member, 'issueKubeconfig', { clusterId, role: 'ADMIN' }, 'kubeconfig');
  const tenant = createClient(accessOf(issued.kubeconfig));
  const nova = await computeUrl(world);

  const liveNodes = () =>
    world.rows<NodeNow>('select id, name, state, server_id, trouble from nodes where deleted_at is null order by created_at, name');
  const heals = () =>
    world.rows<HealNow>(
      "select id, state, reason, requested_by, requested_at from operations where kind = 'HEAL_NODE' order by requested_at",
    );
  const condition = () =>
    world.rows<HealingNow>(
      `select status, state, reason, message, waiting_for from conditions where object_id = '${groupId}' and name = 'AutoHealing'`,
    )[0];
  const allReady = (count = nodeCount) =>
    until(() => {
      const live = liveNodes();
      const well = live.every(({ state, trouble }) => state === 'READY' && trouble === null);
      return live.length === count && well && condition()?.state === 'DONE';
    });
  await allReady();
  return {
    world,
    clusterId,
    groupId,
    tenant,
    liveNodes,
    heals,
    condition,
    kubelets: (names, running, forGood = false) => world.control('POST', 'kubelets', { name: `^(${names.join('|')})$`, running, forGood }),
    reboots: async () => {
      const { calls } = await world.control<{ calls: { method: string; path: string; calls: number }[] }>('GET', 'counters');
      return calls.find(({ method, path }) => method === 'POST' && path === '/v2.1/servers/{id}/action')?.calls ?? 0;
    },
    report: async (name, types) => {
      const path = `/api/v1/nodes/${name}`;
      // The right of a kubeconfig that was just issued is on its way.
      const known = await until(async () => at((await tenant.call('GET', path)).body, 'status', 'conditions') as Fields[] | undefined);
      const now = new Date().toISOString().replace(/\.\d+/, '');
      const conditions = [
        ...known,
        ...types.map((type) => ({ type, status: 'True', reason: 'Seen', message: 'seen', lastTransitionTime: now })),
      ];
      const headers = { 'content-type': 'application/merge-patch+json' };
      const patched = await tenant.call('PATCH', `${path}/status`, { status: { conditions } }, headers);
      expect(patched.status).toBe(200);
    },
    deleteServer: async (id) => {
      const answer = await fetch(`${nova}/servers/${id}`, { method: 'DELETE', headers: { 'x-auth-token': world.member } });
      expect(answer.status).toBe(204);
    },
    allReady,
    healed: async (victim, before) => {
      await until(() => heals().length > before && !liveNodes().some(({ id }) => id === victim?.id));
      await allReady();
      expect(heals()).toHaveLength(before + 1);
      await until(() => heals()[before]?.state === 'SUCCEEDED');
      expect(heals()[before]).toMatchObject({ requested_by: 'auto-healing' });
      return heals()[before];
    },
    events: (subjectId, what) =>
      world.rows(`select message, number from events where subject_id = '${subjectId}' and ${what} order by number`),
    close: async () => {
      tenant.close();
      await world.close();
    },
  };
};

const computeUrl = async (world: Living): Promise<string> => {
  const answer = await fetch(`${world.sandbox.authUrl}/auth/catalog`, { headers: { 'x-auth-token': world.member } });
  const { catalog } = (await answer.json()) as { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] };
  return catalog.find(({ type }) => type === 'compute')?.endpoints.find((endpoint) => endpoint.interface === 'public')?.url ?? '';
};
