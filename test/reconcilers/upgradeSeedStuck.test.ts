/** A seed's upgrade whose errand to a machine does not start: why, and who must act, is said at once, and what never began stands in nobody's way. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStory, type Story, until } from './story.ts';

let world: Story;
beforeAll(async () => {
  world = await openStory();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw\n-----END PGP PUBLIC KEY BLOCK-----\n';
const MACHINE = { image: 'debian-12', flavor: 'm1.medium', externalNetwork: 'public', kubernetesVersion: 'v1.34.8', workers: 0 };

const change = (name: string, input: object) =>
  world.change<{ seed: { uuid: string }; operation: { uuid: string } }>(world.admin, name, input, 'seed { uuid } operation { uuid }');

interface Awaiting {
  name: string;
  state: string;
  message: string;
  waitingFor: { what: string; whoMustAct: string } | null;
}

const operation = async (id: string) =>
  (
    await world.ask<{ operation: { state: string; steps: Awaiting[] } }>(
      world.admin,
      `{ operation(id: "${id}") { state steps { name state message waitingFor { what whoMustAct } } } }`,
    )
  ).operation;
const succeeded = (id: string) => until(async () => (await operation(id)).state === 'SUCCEEDED');
const upgradeIn = async (id: string) => (await operation(id)).steps.find(({ name }) => name === 'MachinesUpgraded');

const said = (seedId: string): string[] =>
  world
    .rows<{ message: string }>(`select message from events where subject_id = '${seedId}' and step = 'MachinesUpgraded' order by number`)
    .map(({ message }) => message);

/** As upgradeSeed takes the place of an earlier one: between patch releases, of which the catalogue has one for each minor. */
const aimAt = (seedId: string, version: string): void => {
  const db = new Database(world.dbPath, { timeout: 5_000 });
  db.prepare("update seeds set made = json_set(made, '$.kubernetesVersion', ?) where id = ?").run(version, seedId);
  db.prepare('update work_items set due_at = 0, wake = wake + 1 where id = ?').run(seedId);
  db.close();
};

let seedId: string;
let upgradeId: string;

test('an image that cannot be pulled is named at once, with what the kubelet says and who must act', async () => {
  await world.restart(() => {
    const key = join(world.settings.data as string, 'packages.asc');
    writeFileSync(key, KEY);
    Object.assign(world.settings, { packageRepository: 'https://packages.example.org/v{minor}/deb/', packageKey: key });
  });
  const made = await change('createSeed', { name: 'made', ...MACHINE });
  seedId = made.seed.uuid;
  await succeeded(made.operation.uuid);
  await world.control('POST', 'lostImages', { name: '^registry\\.k8s\\.io/pause' });
  upgradeId = (await change('upgradeSeed', { seedId: 'made', version: 'v1.35.4' })).operation.uuid;
  const step = await until(async () => {
    const found = await upgradeIn(upgradeId);
    return found?.message.includes('ImagePullBackOff') === true ? found : undefined;
  });
  expect(step).toMatchObject({ state: 'WAITING', waitingFor: { whoMustAct: 'CLOUD_ADMIN' } });
  expect(step.message).toMatch(
    /pod of Job seedbed-upgrade-seedbed-seed-\S+-0 in kube-system to start and upgrade machine \S+-0: ImagePullBackOff \(Back-off pulling image "registry\.k8s\.io\/pause:\S+"/,
  );
  expect(step.message).toContain('set SEEDBED_IMAGE_REGISTRY');
  expect(step.message.length).toBeLessThan(900);
  const [condition] = world.rows<{ reason: string }>(
    `select reason from conditions where object_id = '${seedId}' and name = 'MachinesUpgraded'`,
  );
  expect(condition?.reason).toBe('ImagePullBackOff');
  // It takes nothing from the seed.
  expect(world.rows(`select state from seeds where id = '${seedId}'`)).toEqual([{ state: 'READY' }]);
}, 200_000);

test('one that never began is taken away when another version is asked for', async () => {
  aimAt(seedId, 'v1.36.3');
  await until(() => said(seedId).some((message) => message.includes('-0 to begin its upgrade to v1.36.3')));
  aimAt(seedId, 'v1.35.4');
  const before = said(seedId).length;
  await until(() =>
    said(seedId)
      .slice(before)
      .some((message) => message.includes('-0 to begin its upgrade to v1.35.4')),
  );
}, 200_000);

test('one that never began is sent with another image once images come from elsewhere, and the upgrade comes to its end', async () => {
  await until(async () => (await upgradeIn(upgradeId))?.message.includes('ImagePullBackOff'));
  await world.restart(() => {
    Object.assign(world.settings, { imageRegistry: 'mirror.example.org' });
  });
  await succeeded(upgradeId);
  expect(world.rows(`select json_extract(facts, '$.kubernetesVersion') as version from seeds where id = '${seedId}'`)).toEqual([
    { version: 'v1.35.4' },
  ]);
}, 200_000);
