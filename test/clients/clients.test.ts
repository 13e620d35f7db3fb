/** Other people's GraphQL clients, as they are, against a server over HTTP and WebSocket: each asks, changes, and follows what happens, also after its connection was cut. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openWay } from '../house/way.ts';
import * as apollo from './apollo.ts';
import * as graphqlRequest from './graphqlRequest.ts';
import * as graphqlWs from './graphqlWs.ts';
import { findPython, startPython } from './python.ts';
import * as relay from './relay.ts';
import { startServer } from './server.ts';
import * as tada from './tada.ts';
import * as urql from './urql.ts';

export interface Cluster {
  name: string;
  state: string;
}

export interface Live {
  create(name: string): Promise<unknown>;
  stop(): void;
}

type Start = (url: string, token: string, show: (clusters: readonly Cluster[]) => void) => Live;

const CLIENTS: Record<string, Start> = {
  'graphql-ws': (url, token, show) => {
    const client = graphqlWs.liveClusters(url, () => token, show);
    return { create: (name) => graphqlWs.createCluster(client, name), stop: () => void client.dispose() };
  },
  urql: (url, token, show) => {
    const { client, stop } = urql.liveClusters(url, () => token, show);
    return { create: (name) => urql.createCluster(client, name), stop };
  },
  apollo: (url, token, show) => {
    const { client, stop } = apollo.liveClusters(url, () => token, show);
    return { create: (name) => apollo.createCluster(client, name), stop };
  },
  relay: (url, token, show) => {
    const { environment, stop } = relay.liveClusters(url, () => token, show);
    return { create: (name) => relay.createCluster(environment, name), stop };
  },
  'graphql-request': (url, token, show) => {
    const { client, stop } = graphqlRequest.liveClusters(url, () => token, show);
    return { create: (name) => graphqlRequest.createCluster(client, name), stop };
  },
  tada: (url, token, show) => {
    const { client, stop } = tada.liveClusters(url, () => token, show);
    return { create: (name) => tada.createCluster(client, name), stop };
  },
  python: (url, token, show) => startPython(findPython(), url, token, show),
};

/** As browsers have it, which Node 20 does not: each message is an event of its own, also of several that come at once. */
class BrowserSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols, { allowSynchronousEvents: false });
  }
}
Object.assign(globalThis, { WebSocket: BrowserSocket });

let server: Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
  findPython();
  server = await startServer();
  await createDirectly('first');
}, 180_000);
afterAll(() => server?.stop());

const askDirectly = async (query: string, variables: object): Promise<unknown> => {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Auth-Token': server.token },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
};

const createDirectly = async (name: string): Promise<void> => {
  const query = 'mutation ($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }';
  const answer = await askDirectly(query, { input: { name, clusterTemplate: 'small', nodeCount: 1 } });
  expect(answer).toMatchObject({ data: { createCluster: { __typename: 'CreateClusterPayload' } } });
};

const deleteDirectly = async (name: string): Promise<void> => {
  const asked = (await askDirectly('query ($name: String) { cluster(name: $name) { uuid } }', { name })) as {
    data: { cluster: { uuid: string } };
  };
  const query = 'mutation ($input: DeleteClusterInput!) { deleteCluster(input: $input) { __typename } }';
  const answer = await askDirectly(query, { input: { clusterId: asked.data.cluster.uuid } });
  expect(answer).toMatchObject({ data: { deleteCluster: { __typename: 'DeleteClusterPayload' } } });
};

const QUIET_MS = 300;

describe('each client', () => {
  test.concurrent.for(Object.entries(CLIENTS))(
    '%s: a query, a mutation and a subscription that goes on after its connection was cut',
    async ([client, start], { expect }) => {
      const way = await openWay(server.url);
      let shown: readonly Cluster[] = [];
      const live = start(way.url, server.token, (clusters) => {
        shown = clusters;
      });
      const shows = (names: string[]) =>
        expect.poll(() => shown.map(({ name }) => name), { timeout: 30_000 }).toEqual(expect.arrayContaining(names));
      try {
        await shows(['first']);
        await expect(live.create('No Name')).rejects.toThrow('name');
        // Made by the client, and told by the subscription: nothing asks for the list again.
        await live.create(`${client}-made`);
        await shows([`${client}-made`]);
        way.cut();
        await createDirectly(`${client}-missed`);
        await deleteDirectly(`${client}-made`);
        await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
        expect(shown.map(({ name }) => name)).not.toContain(`${client}-missed`);
        way.mend();
        await shows(['first', `${client}-missed`]);
        await createDirectly(`${client}-later`);
        await shows([`${client}-later`]);
        // What they were shown once changes in place, and is there once.
        await expect.poll(() => shown.find(({ name }) => name === `${client}-later`)?.state, { timeout: 30_000 }).not.toBe('PENDING');
        expect(new Set(shown.map(({ name }) => name)).size).toBe(shown.length);
        await expect.poll(() => shown.map(({ name }) => name), { timeout: 60_000 }).not.toContain(`${client}-made`);
      } finally {
        live.stop();
        way.close();
      }
    },
  );
});

test('each client comes back to a server that was stopped and started again', async () => {
  const shown: Record<string, readonly Cluster[]> = {};
  const lives = Object.entries(CLIENTS).map(([client, start]) =>
    start(server.url, server.token, (clusters) => {
      shown[client] = clusters;
    }),
  );
  const whoShows = (wanted: string) => Object.keys(CLIENTS).filter((client) => shown[client]?.some(({ name }) => name === wanted));
  try {
    await expect.poll(() => whoShows('first'), { timeout: 30_000 }).toEqual(Object.keys(CLIENTS));
    await server.restart();
    await createDirectly('after-restart');
    await expect.poll(() => whoShows('after-restart'), { timeout: 60_000 }).toEqual(Object.keys(CLIENTS));
  } finally {
    for (const { stop } of lives) stop();
  }
});

const AUDITS = serverAudits({
  url: () => server.url,
  fetchFn: (url: string, init: RequestInit) => fetch(url, { ...init, headers: { ...init?.headers, 'X-Auth-Token': server.token } }),
});

describe('GraphQL over HTTP, as graphql-http judges servers', () => {
  test('there are 61 audits', () => expect(AUDITS).toHaveLength(61));

  test.each(AUDITS.map(({ id, name, fn }) => [id, name, fn] as const))('%s: %s', async (_id, _name, fn) => {
    const result = await fn();
    expect([result.status, 'reason' in result ? result.reason : '']).toEqual(['ok', '']);
  });
});

test('Apollo is told of every kind of problem', () => {
  const schema = readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
  expect([...schema.matchAll(/^type (\w+) implements Problem\b/gm)].map(([, name]) => name)).toEqual([...apollo.PROBLEMS]);
});

test('the types that gql.tada, Relay and the others see fit the schema', () => {
  const { status, stdout } = spawnSync('node_modules/.bin/tsc', ['-p', '.'], { cwd: import.meta.dirname, encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
});
