/** Certificates of a living cluster: shown, and renewed before they end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

interface Shown {
  name: string;
  notBefore: string;
  expiresAt: string;
  renewsAt: string | null;
}

const DAY_MS = 86_400_000;
let living: Living;
let clusterId: string;

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('certs');
});
afterAll(() => living?.close());

const shown = async (): Promise<Shown[]> => {
  const query = `{ cluster(id: "${clusterId}") { certificates { name kind subject signedBy notBefore expiresAt renewsAt } } }`;
  return (await living.ask<{ cluster: { certificates: Shown[] } }>(living.member, query)).cluster.certificates;
};
const pods = async (): Promise<string[]> => {
  const [row] = living.rows<{ short_id: string }>('select short_id from clusters');
  const { items } = await living.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace: `kc-${row?.short_id}` });
  return items.map(({ metadata }) => metadata.name).sort();
};

test('each certificate is shown with its owner, its end and the day of its renewal, and no key', async () => {
  const all = await shown();
  expect(all.find((c) => c.name === 'etcdCa')).toMatchObject({
    kind: 'AUTHORITY',
    subject: 'CN=etcd-ca',
    signedBy: 'etcdCa',
    renewsAt: null,
  });
  expect(all.find((c) => c.name === 'superAdmin')).toMatchObject({
    kind: 'CLIENT',
    subject: 'O=system:masters, CN=kubernetes-super-admin',
    signedBy: 'ca',
  });
  const { authorities, leaves } = living.pki(clusterId);
  expect(all.map((c) => c.name).sort()).toEqual([...Object.keys(authorities), ...Object.keys(leaves)].sort());
  for (const { name, notBefore, expiresAt, renewsAt } of all.filter((c) => c.renewsAt !== null)) {
    const life = Date.parse(expiresAt) - Date.parse(notBefore);
    expect([name, (Date.parse(renewsAt ?? '') - Date.parse(notBefore)) / life]).toEqual([name, expect.closeTo(2 / 3, 6)]);
    expect(Math.round(life / DAY_MS)).toBe(365);
  }
});

test('past two thirds of its life a certificate is renewed without a hand, and only the pods that mount it are rolled', async () => {
  const before = { shown: await shown(), pods: await pods(), serial: await living.servedSerial(clusterId) };
  await living.idle();
  const pki = living.pki(clusterId);
  for (const name of ['apiServer', 'scheduler'] as const) {
    pki.leaves[name].notBeforeMs -= 250 * DAY_MS;
    pki.leaves[name].notAfterMs -= 250 * DAY_MS;
  }
  living.setPki(clusterId, pki);
  living.wake(clusterId);
  await until(async () => (await living.servedSerial(clusterId)) !== before.serial);
  const rolled = (name: string) => /kube-(apiserver|scheduler)/.test(name);
  await until(async () => {
    const now = await pods();
    return now.length === before.pods.length && !now.some((name) => rolled(name) && before.pods.includes(name));
  });
  await living.settled(clusterId);
  expect((await pods()).filter((name) => !rolled(name))).toEqual(before.pods.filter((name) => !rolled(name)));
  const old = new Map(before.shown.map((c) => [c.name, c.expiresAt]));
  const renewed = (await shown()).filter((c) => c.expiresAt !== old.get(c.name)).map((c) => c.name);
  expect(renewed).toEqual(['apiServer', 'scheduler']);
});
