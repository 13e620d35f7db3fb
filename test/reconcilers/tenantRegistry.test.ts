/** The open connections to customers' clusters, when the key material behind them changes. */
import type { ServerResponse } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createTenantRegistry } from '../../src/reconcilers/tenantRegistry.ts';
import type { ClusterRow } from '../../src/store/reconcile.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { createSecrets } from '../../src/store/secrets.ts';
import { json, startApi } from '../seeds/tlsServer.ts';
import { openTestDatabase } from '../store/database.ts';

const row = (port: number) => ({ id: 'c1', endpointHost: '127.0.0.1', endpointPort: port }) as ClusterRow;

const openRegistry = async () => {
  const waiting: ServerResponse[] = [];
  const api = await startApi(({ path }, response) => {
    if (path === '/slow') waiting.push(response);
    else json(response, 200, {});
  });
  const database = openTestDatabase();
  const secrets = createSecrets(createSealer([Buffer.alloc(32, 1)]));
  const policy = { allowPrivate: true, allowLoopback: true };
  const registry = createTenantRegistry({ store: database.store, secrets, clock: systemClock, policy });
  onTestFinished(async () => {
    registry.closeAll();
    await api.close();
    await database.close();
  });
  const { access } = api;
  const store = (more: object, caPem = access.caPem) => {
    const authority = { cert: caPem };
    const pki = {
      authorities: { ca: authority, frontProxyCa: authority, etcdCa: authority },
      serviceAccount: { publicKey: '' },
      leaves: { superAdmin: { cert: access.clientCertPem, key: access.clientKeyPem } },
      ...more,
    };
    return database.store.transaction((tx) => secrets.put(tx, 'c1', 'pki', JSON.stringify(pki), 1));
  };
  return { api, waiting, registry, store, get: () => registry.get(row(api.port)) };
};

test('a change of what no connection is made of, such as the key of the Secrets, leaves the connection as it is', async () => {
  const { registry, store, get } = await openRegistry();
  await expect(registry.get(row(1))).rejects.toThrow(/no address yet/);
  await store({ encryption: { turn: 0 } });
  const first = await get();
  expect(await get()).toBe(first);
  await store({ encryption: { turn: 1 } });
  expect(await get()).toBe(first);
  expect((await first.kube.raw('/ok')).status).toBe(200);
});

test('calls that are under way when the authority changes come to their end', async () => {
  const { api, waiting, registry, store, get } = await openRegistry();
  await store({});
  const first = await get();
  const slow = first.kube.raw('/slow');
  await expect.poll(() => waiting.length).toBe(1);
  await store({}, `${api.access.caPem}\n${api.access.caPem}`);
  const second = await get();
  expect(second).not.toBe(first);
  json(waiting[0] as ServerResponse, 200, {});
  expect((await slow).status).toBe(200);
  expect((await second.kube.raw('/ok')).status).toBe(200);
  registry.closeAll();
  await expect(first.kube.raw('/ok')).rejects.toThrow(/ERR_CLOSED/);
});
