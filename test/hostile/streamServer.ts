/**
 * The API over a database of its own, as a process of its own (streams.ts runs it): any word is the token of a user, such as "u7@p3" of the user u7 in
 * the project p3, so that there can be more callers than a Keystone would make in the time. Each project has clusters, and they change when told so.
 *
 * Messages in: `{ projects, clusters }` makes so many, `{ change: n, pauseMs, padding }` changes each cluster n times, `report`, `close`. Each is answered when
 * it is done. What changed is in a cluster's `caCertificate`: its project, the number of the change, when it was, and blanks to fill sockets with.
 */
import { setFlagsFromString } from 'node:v8';
import { Registry } from 'prom-client';
import { startApi } from '../../src/api/server.ts';
import { silentLog } from '../../src/lib/log.ts';
import { changed, patchCluster } from '../../src/store/reconcile.ts';
import { UNLIMITED } from '../api/unlimited.ts';
import { actorBy, call, catalogue, openHouse } from '../commands/house.ts';
import { watchLoop } from './watch.ts';

export type Order = { projects: number; clusters: number } | { change: number; pauseMs: number; padding: number } | 'report' | 'close';

// As the program does it.
setFlagsFromString('--heap-growing-percent=15');
const house = openHouse();
house.cloud.catalogue = catalogue();
const actorOf = (token: string) => {
  const [userName = '', projectId] = token.split('@');
  return projectId === undefined ? null : actorBy({ userName, projectId, roles: ['member', 'reader'] });
};

interface Made {
  id: string;
  projectId: string;
  number: number;
}
const made: Made[] = [];

const make = async (projects: number, clusters: number): Promise<void> => {
  for (let p = 0; p < projects; p += 1) {
    const actor = actorOf(`maker@p${p}`);
    if (actor === null) throw new Error('No actor.');
    await house.commands.createClusterTemplate(call(actor), { name: 'standard', image: 'debian', flavor: 'small' });
    for (let c = 0; c < clusters; c += 1) {
      const { cluster } = await house.commands.createCluster(call(actor), { name: `c${c}`, clusterTemplate: 'standard' });
      made.push({ id: cluster.id, projectId: `p${p}`, number: 0 });
    }
  }
};

/** One change of each cluster a turn, in transactions of twenty. */
const change = async (times: number, pauseMs: number, padding: number): Promise<void> => {
  const blanks = ' '.repeat(padding);
  for (let n = 0; n < times; n += 1) {
    for (let at = 0; at < made.length; at += 20)
      await house.store.transaction(async (tx) => {
        for (const cluster of made.slice(at, at + 20)) {
          cluster.number += 1;
          await patchCluster(tx, cluster.id, { caCertificate: `${cluster.projectId} ${cluster.number} ${Date.now()}${blanks}` });
          tx.changes.push(changed('CLUSTER', { id: cluster.id }, cluster.id, cluster.projectId, 'CHANGED'));
        }
      });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
};

const metrics = new Registry();
const api = await startApi({
  store: house.store,
  commands: house.commands,
  clock: { now: () => house.time.now },
  log: silentLog,
  metrics,
  authenticate: async (token) => actorOf(token),
  loadCloud: async () => catalogue(),
  peekCatalogue: () => house.cloud.catalogue,
  ready: async () => ({ ok: true, reasons: [] }),
  settings: {
    host: '127.0.0.1',
    port: 0,
    introspection: false,
    graphiql: false,
    keystoneUrl: 'https://keystone.example.org/v3',
    allowedOrigins: [],
    projectLimits: house.deps.settings.projectLimits,
    rates: UNLIMITED,
  },
});
const report = watchLoop();

const obey = async (order: Order): Promise<unknown> => {
  if (order === 'report') return report();
  if (order === 'close') {
    await api.close(1_000);
    await house.close();
    setImmediate(() => process.exit());
    return {};
  }
  if ('change' in order) await change(order.change, order.pauseMs, order.padding);
  else await make(order.projects, order.clusters);
  return {};
};
process.on('message', ({ id, order }: { id: number; order: Order }) => {
  void obey(order).then((answer) => process.send?.({ id, answer }));
});
process.send?.({ id: 0, answer: api.url });
