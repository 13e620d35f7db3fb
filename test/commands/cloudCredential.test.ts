/** The application credential as input of createCluster and rotateCloudCredential: what is written, and what of it can be read. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sealedAt } from '../../src/domain/cloudCredential.ts';
import { loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { audit, idempotencyKeys, operations } from '../../src/store/tables.ts';
import { ADA, ANNA, BEN, call, errorOf, type House, openHouse, RITA, TEMPLATE } from './house.ts';

const GIVEN = { applicationCredentialId: 'a1b2c3', applicationCredentialSecret: 'HUSH-HUSH-secret' };

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

const create = (credential?: object) =>
  house.commands.createCluster(call(ANNA, { idempotencyKey: 'k1' }), {
    name: 'web',
    clusterTemplate: 'standard',
    ...(credential && { credential }),
  });
const callerToken = (clusterId: string) => house.secrets.find(house.store.db, clusterId, 'callerToken');

test('one that is handed in is sealed where nothing else opens it, and no token of the caller is kept', async () => {
  const { cluster } = await create(GIVEN);
  const next = cluster.credential?.next;
  expect(cluster).toMatchObject({
    trust: null,
    credential: { current: null, since: null, next: { kind: 'APPLICATION_CREDENTIAL', id: 'a1b2c3' } },
  });
  const sealed = next?.kind === 'APPLICATION_CREDENTIAL' ? next.sealed : '';
  expect(house.secrets.open(sealed, sealedAt(cluster.id))).toBe('HUSH-HUSH-secret');
  expect(() => house.secrets.open(sealed, sealedAt('another'))).toThrow();
  expect(await callerToken(cluster.id)).toBeUndefined();
  const bytes = ['', '-wal'].map((suffix) => readFileSync(`${house.path}${suffix}`).toString('latin1')).join('');
  expect(bytes).toContain('a1b2c3');
  expect(bytes).not.toContain('HUSH-HUSH');
  expect(await house.store.db.$count(idempotencyKeys)).toBe(1);
  expect((await house.store.db.select().from(audit)).map(({ action }) => action)).toContain('createCluster');
  expect(await create(GIVEN)).toMatchObject({ replayed: true });
  expect(await errorOf(create({ ...GIVEN, applicationCredentialSecret: 'another' }))).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
});

test('a rotation keeps what is in use until the other is, and takes the place of one that is under way', async () => {
  const { cluster } = await create();
  const clusterId = cluster.id;
  const { operation: first, cluster: rotating } = await house.commands.rotateCloudCredential(call(ANNA), { clusterId, credential: GIVEN });
  expect(first).toMatchObject({ kind: 'ROTATE_CLOUD_CREDENTIAL', generation: 2 });
  expect(rotating).toMatchObject({ trust: cluster.trust, credential: { current: null, next: { id: 'a1b2c3' } } });
  const { cluster: lent } = await house.commands.rotateCloudCredential(call(BEN), { clusterId, credential: null });
  expect(lent.credential?.next).toMatchObject({ kind: 'TRUST', trustorUserId: 'user-ben', roles: ['member'] });
  expect(await callerToken(clusterId)).toBe('token of ben');
  // Another's change meanwhile takes neither his token nor his turn.
  await house.commands.updateCluster(call(ANNA), { clusterId, deletionProtection: true });
  expect(await callerToken(clusterId)).toBe('token of ben');
  const rows = await house.store.db.select().from(operations);
  expect(rows.filter(({ kind }) => kind === 'ROTATE_CLOUD_CREDENTIAL').map(({ state }) => state)).toEqual(['SUPERSEDED', 'PENDING']);
});

test('a trust is lent by a member of the project alone; a cluster that goes takes no other credential', async () => {
  const clusterId = (await create()).cluster.id;
  const rotate = (who: typeof ANNA, credential?: object) =>
    house.commands.rotateCloudCredential(call(who), { clusterId, ...(credential && { credential }) });
  expect(await errorOf(rotate(ADA))).toMatchObject({ code: 'FORBIDDEN', field: ['credential'] });
  expect(await errorOf(rotate(RITA))).toMatchObject({ code: 'FORBIDDEN' });
  await rotate(ADA, GIVEN);
  // Hers is a token of another project.
  expect(await callerToken(clusterId)).toBe('token of anna');
  await house.commands.deleteCluster(call(ANNA), { clusterId });
  expect(await errorOf(rotate(ANNA))).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('being deleted') });
});

test("whoever handed in a credential lends no rights of a colleague's, until the colleague deletes", async () => {
  const clusterId = (await create(GIVEN)).cluster.id;
  const handed = { kind: 'APPLICATION_CREDENTIAL' as const, id: 'a1b2c3', sealed: 'x' };
  const facts = { name: 'n', userId: 'u', projectId: 'blue', roles: ['member'], unrestricted: false, expiresAt: null };
  const credential = { current: { ...handed, ...facts }, next: null, since: null };
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { credential }));
  await house.commands.updateCluster(call(BEN), { clusterId, deletionProtection: false });
  expect(await loadCluster(house.store.db, clusterId)).toMatchObject({ trust: null, credential });
  expect(await callerToken(clusterId)).toBeUndefined();
  await house.commands.deleteCluster(call(BEN), { clusterId });
  expect((await loadCluster(house.store.db, clusterId))?.credential).toMatchObject({
    current: { id: 'a1b2c3' },
    next: { kind: 'TRUST', trustorUserId: 'user-ben' },
  });
  expect(await callerToken(clusterId)).toBe('token of ben');
});
