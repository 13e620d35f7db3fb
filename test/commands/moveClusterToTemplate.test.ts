/** What a living cluster takes over from a template, and what it refuses. */
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listLiveNodeGroups, loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { operations } from '../../src/store/tables.ts';
import { ANNA, BEN, call, catalogue, errorOf, type House, OTTO, openHouse, TEMPLATE } from './house.ts';

let house: House;
let clusterId: string;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, kubernetesVersion: 'v1.35.4' });
  const overrides = { addons: { metricsServer: { replicas: 2 } } };
  const { cluster } = await house.commands.createCluster(call(BEN), {
    name: 'hello',
    clusterTemplate: 'standard',
    overrides,
    nodeGroups: [
      { name: 'follows', count: 1 },
      { name: 'differs', count: 1, flavor: 'large' },
    ],
  });
  clusterId = cluster.id;
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { state: 'READY', observedGeneration: 1, runningVersion: 'v1.35.4' }));
});
afterEach(() => house.close());

const revise = (change: object) => house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: 'standard', ...change });
const move = (more: object = {}) => house.commands.moveClusterToTemplate(call(BEN), { clusterId, ...more });
const live = async () => {
  const row = await loadCluster(house.store.db, clusterId);
  if (row === undefined) throw new Error('gone');
  return row;
};
const groups = async () => Object.fromEntries((await listLiveNodeGroups(house.store.db, clusterId)).map((group) => [group.name, group]));

test('settings change in place, own ones stay, and groups that follow get image and flavor with the version in one act', async () => {
  await revise({
    kubernetesVersion: 'v1.36.3',
    flavor: 'huge',
    autoHealingEnabled: true,
    addons: { metricsServer: { enabled: true, replicas: 1 } },
  });
  const { cluster, operation } = await move();
  expect(operation).toMatchObject({ kind: 'MOVE_CLUSTER_TO_TEMPLATE', generation: 2 });
  expect(cluster).toMatchObject({
    templateRevision: 2,
    state: 'UPDATING',
    runningVersion: 'v1.35.4',
    upgrade: { newestApiServer: 'v1.35.4', controlPlaneOnly: false },
    spec: {
      kubernetesVersion: 'v1.36.3',
      flavor: 'huge',
      autoHealingEnabled: true,
      addons: { metricsServer: { enabled: true, replicas: 2 } },
    },
    overrides: { addons: { metricsServer: { replicas: 2 } } },
  });
  const { follows, differs } = await groups();
  expect(follows).toMatchObject({ spec: { flavor: 'huge' }, generation: 2, namesGeneration: 2 });
  expect(differs).toMatchObject({ spec: { flavor: 'large' }, generation: 1, namesGeneration: 1 });
});

test('what a living cluster cannot change is refused by name, and keep makes it its own', async () => {
  await revise({ podCidr: '10.201.0.0/16', controlPlane: { etcd: { volumeSizeGiB: 20 } }, autoHealingEnabled: true });
  const refused = await errorOf(move());
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', field: ['clusterTemplate'] });
  expect(refused.message).toMatch(/controlPlane\.etcd\.volumeSizeGiB \(from 5 to 20\)/);
  expect(refused.message).toMatch(/podCidr \(from "10\.200\.0\.0\/16" to "10\.201\.0\.0\/16"\)/);
  expect(await live()).toMatchObject({ generation: 1, templateRevision: 1 });
  const { cluster } = await move({ keep: ['podCidr', 'controlPlane.etcd'] });
  expect(cluster.overrides).toMatchObject({ podCidr: '10.200.0.0/16', controlPlane: { etcd: { volumeSizeGiB: 5 } } });
  expect(cluster.spec).toMatchObject({ podCidr: '10.200.0.0/16', autoHealingEnabled: true });
  expect(cluster.templateRevision).toBe(2);
  expect(await errorOf(move({ keep: ['nonsense'] }))).toMatchObject({ code: 'INVALID_INPUT', field: ['keep', '0'] });
});

test('a version of its own stays unless the template is newer; an older one of the template is refused, and none is skipped', async () => {
  await house.commands.upgradeCluster(call(BEN), { clusterId, version: 'v1.36.3' });
  await house.store.transaction((tx) => patchCluster(tx, clusterId, { runningVersion: 'v1.36.3', upgrade: null }));
  await revise({ autoHealingEnabled: true });
  expect((await move()).cluster).toMatchObject({
    spec: { kubernetesVersion: 'v1.36.3', autoHealingEnabled: true },
    overrides: { kubernetesVersion: 'v1.36.3' },
    upgrade: null,
  });
  await revise({ kubernetesVersion: 'v1.36.3' });
  // The template has come to it: from now on the cluster follows.
  expect((await move()).cluster.overrides).toEqual({ addons: { metricsServer: { replicas: 2 } } });
  const back = await errorOf(move({ revision: 2 }));
  expect(back).toMatchObject({ code: 'UNSUPPORTED_VERSION', field: ['revision'] });
  expect(back.message).toMatch(/does not go back.*keep: \["kubernetesVersion"\]/);
  expect((await move({ revision: 1, keep: ['kubernetesVersion'] })).cluster).toMatchObject({
    templateRevision: 1,
    spec: { kubernetesVersion: 'v1.36.3', autoHealingEnabled: false },
  });
});

test('revisions and templates that are not there, nothing to change, and an image of another version', async () => {
  expect(await errorOf(move())).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('already') });
  expect(await errorOf(move({ revision: 7 }))).toMatchObject({ code: 'INVALID_INPUT', field: ['revision'] });
  expect(await errorOf(move({ clusterTemplate: 'none' }))).toMatchObject({ code: 'NOT_FOUND', field: ['clusterTemplate'] });
  await house.commands.createClusterTemplate(call(OTTO), { ...TEMPLATE, name: 'theirs', visibility: 'PRIVATE' });
  expect(await errorOf(move({ clusterTemplate: 'theirs' }))).toMatchObject({ code: 'NOT_FOUND' });
  const known = catalogue();
  house.cloud.catalogue = known;
  const [image] = known.images;
  if (image === undefined) throw new Error('no image');
  known.images.push({ ...image, id: 'baked', name: 'baked', kubeVersion: 'v1.36.3' });
  await revise({ image: 'baked' });
  expect((await errorOf(move())).message).toMatch(/no newer/);
  await revise({ kubernetesVersion: 'v1.36.3' });
  await move();
  const ops = await house.store.db.select().from(operations).where(eq(operations.kind, 'MOVE_CLUSTER_TO_TEMPLATE'));
  expect(ops).toHaveLength(1);
  expect((await groups())['follows']?.spec.image).toBe('baked');
});
