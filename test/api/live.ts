/** Subscribers over WebSocket and SSE, and a hand that makes things happen in the database. */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { ProgressEvent } from '../../src/domain/event.ts';
import { loadOperations } from '../../src/store/operations.ts';
import { appendEvent, updateOperation } from '../../src/store/progress.ts';
import { changed, insertNodes, loadCluster, patchCluster, patchNode } from '../../src/store/reconcile.ts';
import type { World } from './world.ts';

export interface Event {
  number: number;
  message: string;
  settled: boolean;
}

export interface Payload {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions: { code: string } }[];
}

/** One subscription: payloads as they come; `ended` says how it ended. */
export interface Subscriber {
  payloads: Payload[];
  ended: Promise<string>;
  stop(): void;
  /** Resolves when so many payloads are there. */
  until(count: number): Promise<Payload[]>;
}

const collector = () => {
  const payloads: Payload[] = [];
  const waiting: { count: number; resolve(): void }[] = [];
  return {
    payloads,
    add: (payload: Payload) => {
      payloads.push(payload);
      for (const w of waiting) if (payloads.length >= w.count) w.resolve();
    },
    until: async (count: number) => {
      if (payloads.length < count) await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      return payloads;
    },
  };
};

/** `headers`: of the handshake. */
export const overSocket = (
  world: World,
  token: string,
  query: string,
  variables: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Subscriber => {
  const { payloads, add, until } = collector();
  const client = createClient({
    url: world.url.replace('http', 'ws'),
    webSocketImpl: class extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols, { headers });
      }
    },
    connectionParams: { 'X-Auth-Token': token },
    retryAttempts: 0,
  });
  let stop = () => {};
  const ended = new Promise<string>((resolve) => {
    stop = client.subscribe(
      { query, variables },
      {
        next: (payload) => add(payload as Payload),
        complete: () => resolve('complete'),
        error: (error) => {
          if (Array.isArray(error)) add({ errors: error as unknown as NonNullable<Payload['errors']> });
          resolve(Array.isArray(error) ? 'error' : String((error as { code?: number }).code));
        },
      },
    );
  });
  void ended.then(() => client.dispose());
  return { payloads, until, ended, stop };
};

export const overSse = (world: World, token: string, query: string, variables: Record<string, unknown> = {}): Subscriber => {
  const { payloads, add, until } = collector();
  const abort = new AbortController();
  const read = async () => {
    const response = await fetch(world.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-auth-token': token },
      body: JSON.stringify({ query, variables }),
      signal: abort.signal,
    });
    if (response.body === null || response.status !== 200) return `status ${response.status}`;
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        if (block.startsWith('event: complete')) return 'complete';
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) add(JSON.parse(data) as Payload);
      }
    }
    return 'broken';
  };
  const ended = read().catch(() => 'broken');
  return { payloads, until, ended, stop: () => abort.abort() };
};

export const WAYS: [string, typeof overSocket][] = [
  ['WebSocket', overSocket],
  ['SSE', overSse],
];

export const PROGRESS = `subscription ($id: ID!, $after: Int, $until: ProgressUntil) {
  clusterProgress(clusterId: $id, after: $after, until: $until) { number at subjectName state message percent settled }
}`;

export const numbersOf = (subscriber: Subscriber): number[] =>
  subscriber.payloads.flatMap(({ data }) => (data === null || data === undefined ? [] : [(data.clusterProgress as Event).number]));

const event = (
  message: string,
  rest: boolean | null,
): Pick<ProgressEvent, 'at' | 'step' | 'title' | 'state' | 'percent' | 'message' | 'problem' | 'operationId' | 'settled'> => ({
  at: 1_800_000_000_000,
  ...(rest === null ? { step: 'EtcdReady', title: 'Start etcd' } : { step: null, title: null }),
  state: 'DONE',
  percent: 10,
  message,
  problem: null,
  operationId: null,
  settled: rest ?? false,
});

/**
 * Appends events of a step as a worker would: in one transaction with its change of the cluster. With `rest`, the last one is of the
 * cluster itself: it has come to rest, or has left it.
 */
export const happen = (world: World, clusterId: string, messages: string[], rest: boolean | null = null): Promise<void> =>
  world.store.transaction(async (tx) => {
    const cluster = await loadCluster(tx.db, clusterId);
    if (cluster === undefined) throw new Error('No such cluster.');
    const subject = {
      kind: 'CLUSTER' as const,
      id: cluster.id,
      name: cluster.name,
      streamId: cluster.id,
      clusterId: cluster.id,
      projectId: cluster.projectId,
    };
    for (const [i, message] of messages.entries()) await appendEvent(tx, subject, event(message, i === messages.length - 1 ? rest : null));
  });

export const setState = (world: World, clusterId: string, state: 'CREATING' | 'READY' | 'DELETED'): Promise<void> =>
  world.store.transaction(async (tx) => {
    await patchCluster(tx, clusterId, { state, ...(state === 'DELETED' && { deletedAt: world.time.now }) });
    const cluster = await loadCluster(tx.db, clusterId);
    if (cluster !== undefined)
      tx.changes.push(changed('CLUSTER', cluster, cluster.id, cluster.projectId, state === 'DELETED' ? 'DELETED' : 'CHANGED'));
  });

export const setOperation = (world: World, id: string, percent: number, state: 'RUNNING' | 'SUCCEEDED'): Promise<void> =>
  world.store.transaction(async (tx) => {
    const [operation] = await loadOperations(tx.db, [id]);
    if (operation === undefined) throw new Error('No such operation.');
    await updateOperation(tx, operation, {
      state,
      percent,
      steps: [],
      problem: null,
      finishedAt: state === 'RUNNING' ? null : world.time.now,
    });
  });

export const addNode = (world: World, at: { clusterId: string; nodeGroupId: string; projectId: string }, name: string): Promise<void> =>
  world.store.transaction(async (tx) => {
    const now = world.time.now;
    const row = {
      id: `node-${name}`,
      clusterId: at.clusterId,
      nodeGroupId: at.nodeGroupId,
      name,
      state: 'PENDING' as const,
      createdAt: now,
      updatedAt: now,
    };
    await insertNodes(tx, [row]);
    tx.changes.push(changed('NODE', row, at.clusterId, at.projectId, 'CREATED'));
  });

export const setNode = (
  world: World,
  at: { clusterId: string; projectId: string },
  name: string,
  state: 'READY' | 'DELETED',
): Promise<void> =>
  world.store.transaction(async (tx) => {
    await patchNode(tx, `node-${name}`, { state, ...(state === 'DELETED' && { deletedAt: world.time.now }) });
    tx.changes.push(changed('NODE', { id: `node-${name}` }, at.clusterId, at.projectId, state === 'DELETED' ? 'DELETED' : 'CHANGED'));
  });
