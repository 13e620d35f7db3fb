/** A seed of machines that goes to the next minor release of Kubernetes in place: with a cluster on it, without packages and with them, and through deaths of the server. */
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

interface SeedAnswer {
  seed: { uuid: string };
  operation: { uuid: string; kind: string };
}

/** A bare image: what Kubernetes its machines run is what they installed. */
const MACHINES = { image: 'debian-12', flavor: 'm1.medium', externalNetwork: 'public', kubernetesVersion: 'v1.35.4' };
const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw\n-----END PGP PUBLIC KEY BLOCK-----\n';

const change = (name: string, input: object) => world.change<SeedAnswer>(world.admin, name, input, 'seed { uuid } operation { uuid kind }');

interface Seen {
  state: string;
  made: { kubernetesVersion: string };
  lastProbe: { kubernetesVersion: string; kubeletVersions: string[]; schedulableNodes: number } | null;
  conditions: { name: string; state: string; message: string; waitingFor: { what: string } | null; problem: Problem | null }[];
}
interface Problem {
  code: string;
  message: string;
  whoMustAct: string;
  retryable: boolean;
}

const look = async (): Promise<Seen> => {
  const fields = `state made { kubernetesVersion } lastProbe { kubernetesVersion kubeletVersions schedulableNodes }
    conditions { name state message waitingFor { what } problem { code message whoMustAct retryable } }`;
  const { seed } = await world.ask<{ seed: Seen }>(world.admin, `{ seed(name: "made") { ${fields} } }`);
  return seed;
};
const upgradeOf = ({ conditions }: Seen) => conditions.find(({ name }) => name === 'MachinesUpgraded');

const operation = async (id: string): Promise<{ state: string; problem: Problem | null }> =>
  (
    await world.ask<{ operation: { state: string; problem: Problem | null } }>(
      world.admin,
      `{ operation(id: "${id}") { state problem { code message whoMustAct retryable } } }`,
    )
  ).operation;
const succeeded = (id: string) => until(async () => (await operation(id)).state === 'SUCCEEDED');

/** What was said of the upgrade since an event, oldest first. */
const saidOf = (seedId: string): string[] =>
  world
    .rows<{ message: string }>(`select message from events where subject_id = '${seedId}' and step = 'MachinesUpgraded' order by number`)
    .map(({ message }) => message);

const addPackages = (url: string): void => {
  const key = join(world.settings.data as string, 'packages.asc');
  writeFileSync(key, KEY);
  Object.assign(world.settings, { packageRepository: url, packageKey: key });
};

/** What one look at the seed at rest asks the cloud and its API, each call as often as it is made. */
const callsAtRest = async (): Promise<string[]> => {
  const idle = () =>
    until(() => world.rows('select 1 from work_items where lease_until is not null or due_at < unixepoch() * 1000').length === 0);
  await idle();
  await world.control('DELETE', 'counters');
  const db = new Database(world.dbPath, { timeout: 5_000 });
  db.prepare('update work_items set due_at = 0, wake = wake + 1 where id = ?').run(seedId);
  db.close();
  await idle();
  const { calls } = await world.control<{ calls: { service: string; method: string; path: string; calls: number }[] }>('GET', 'counters');
  return calls.map(({ service, method, path, calls: times }) => `${times} ${service} ${method} ${path}`).sort();
};

let seedId: string;
let atRest: string[];
let clusterId: string;
const clusterStates = (): string[] =>
  world
    .rows<{ state: string }>(`select state from events where subject_id = '${clusterId}' and step is null order by number`)
    .map(({ state }) => state);

test('a seed at the release before, with a cluster on it', async () => {
  const made = await change('createSeed', { name: 'made', ...MACHINES });
  seedId = made.seed.uuid;
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.36.3' })).rejects.toThrow('has not been READY yet');
  await succeeded(made.operation.uuid);
  expect((await look()).lastProbe).toMatchObject({ kubernetesVersion: 'v1.35.4', kubeletVersions: ['v1.35.4'] });
  // One that was never asked to is not upgraded by itself.
  expect(upgradeOf(await look())).toBeUndefined();
  atRest = await callsAtRest();
  expect(atRest.length).toBeGreaterThan(10);
  await change('cordonSeed', { seedId: 'seed' });
  const { cluster } = await world.change<{ cluster: { uuid: string } }>(
    world.member,
    'createCluster',
    { name: 'guest', clusterTemplate: 'small', nodeCount: 1 },
    'cluster { uuid }',
  );
  clusterId = cluster.uuid;
  await until(
    () => world.rows(`select 1 from clusters where id = '${clusterId}' and state = 'READY' and seed_id = '${seedId}'`).length === 1,
  );
}, 300_000);

test('what cannot be is refused by name', async () => {
  await expect(change('upgradeSeed', { seedId: 'seed', version: 'v1.36.3' })).rejects.toThrow('was registered');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.34.8' })).rejects.toThrow('does not go back');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.35.4' })).rejects.toThrow('runs v1.35.4 already');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.37.0' })).rejects.toThrow('is not offered');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.33.13' })).rejects.toThrow('has expired');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.36.3', expectedGeneration: 99 })).rejects.toThrow(
    'GENERATION_MISMATCH',
  );
  await expect(world.change(world.member, 'upgradeSeed', { seedId: 'made', version: 'v1.36.3' }, 'operation { uuid }')).rejects.toThrow(
    'FORBIDDEN',
  );
});

test('without packages it stops before it has changed anything, says what to do, and takes nothing from the seed', async () => {
  const { operation: asked } = await change('upgradeSeed', { seedId: 'made', version: '1.36.3' });
  expect(asked.kind).toBe('UPGRADE_SEED');
  const failed = await until(async () => {
    const seen = await operation(asked.uuid);
    return seen.state === 'FAILED' ? seen : undefined;
  });
  expect(failed.problem).toMatchObject({ code: 'SEED_REFUSED', whoMustAct: 'CLOUD_ADMIN', retryable: false });
  expect(failed.problem?.message).toContain('has kubeadm v1.35.4 and not v1.36.3, and no package repository is configured');
  expect(failed.problem?.message).toContain('SEEDBED_PACKAGE_REPOSITORY');
  const seen = await look();
  expect(seen).toMatchObject({ state: 'READY', made: { kubernetesVersion: 'v1.36.3' } });
  expect(seen.lastProbe).toMatchObject({ kubernetesVersion: 'v1.35.4', kubeletVersions: ['v1.35.4'] });
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.36.3' })).rejects.toThrow('is on its way to v1.36.3 already');
  await expect(change('upgradeSeed', { seedId: 'made', version: 'v1.35.4' })).rejects.toThrow('does not go back');
}, 120_000);

const upgradeId = (): string => world.rows<{ id: string }>("select id from operations where kind = 'UPGRADE_SEED'")[0]?.id ?? '';

test('what fails in a machine is told with its last words, and tried again', async () => {
  await world.restart(() => addPackages('https://packages.example.org/v1.34/deb/'));
  await world.change(world.admin, 'retryOperation', { operationId: upgradeId() }, 'operation { uuid }');
  const failed = await until(async () => {
    const step = upgradeOf(await look());
    return step?.problem?.code === 'SERVER_FAULT' ? step : undefined;
  });
  expect(failed.problem).toMatchObject({ whoMustAct: 'CLOUD_ADMIN', retryable: true });
  expect(failed.problem?.message).toContain("E: Version '1.36.3-*' for 'kubeadm' was not found");
  expect(await operation(upgradeId())).toMatchObject({ state: 'RUNNING' });
  // Less and less often.
  const failures = () =>
    world.rows<{ n: number }>(`select json_extract(place, '$.upgradeTrouble.failures') as n from seeds where id = '${seedId}'`)[0]?.n ?? 0;
  await until(() => failures() > 1);
  expect((await look()).state).toBe('READY');
}, 120_000);

test('with packages the same operation goes on: control plane first, one machine at a time, through restarts of Seedbed', async () => {
  await world.restart(() => addPackages('https://packages.example.org/v{minor}/deb/'));
  const operationId = upgradeId();
  const before = saidOf(seedId).length;
  await world.change(world.admin, 'retryOperation', { operationId }, 'operation { uuid }');
  await until(() =>
    saidOf(seedId)
      .slice(before)
      .some((message) => message.includes('-0')),
  );
  await world.restart();
  await until(() =>
    saidOf(seedId)
      .slice(before)
      .some((message) => message.includes('-1')),
  );
  await until(async () => (await look()).lastProbe?.kubernetesVersion === 'v1.36.3');
  await world.restart();
  await succeeded(operationId);
  const seen = await look();
  expect(seen).toMatchObject({ state: 'READY', lastProbe: { kubernetesVersion: 'v1.36.3', kubeletVersions: ['v1.36.3'] } });
  expect(upgradeOf(seen)).toMatchObject({ state: 'DONE', message: 'all at v1.36.3' });
  // Another's pass may fall into one of these looks.
  await until(async () => (await callsAtRest()).join('\n') === atRest.join('\n'));
  const turns = saidOf(seedId)
    .slice(before)
    .flatMap((message) => /machine \S+-(\d)\b/.exec(message)?.[1] ?? []);
  expect([...turns].sort()).toEqual(turns);
  expect(saidOf(seedId).join('\n')).toContain('0 of 2 are at v1.36.3');
  expect(saidOf(seedId).join('\n')).toContain('1 of 2 are at v1.36.3');
}, 200_000);

test('the cluster on it was READY all the time, and a machine that is added runs what the seed runs', async () => {
  expect(new Set(clusterStates().slice(clusterStates().indexOf('READY')))).toEqual(new Set(['READY']));
  await succeeded((await change('scaleSeed', { seedId: 'made', workers: 2 })).operation.uuid);
  expect((await look()).lastProbe).toMatchObject({ schedulableNodes: 3, kubeletVersions: ['v1.36.3'] });
}, 120_000);

test('a machine that is added while the upgrade does not come along joins with what the API runs, and all of it can be deleted on the way', async () => {
  await world.restart(() => addPackages('https://packages.example.org/v1.34/deb/'));
  const made = await change('createSeed', { ...MACHINES, name: 'brief', workers: 0, nodeCidr: '10.230.0.0/24' });
  await succeeded(made.operation.uuid);
  const { operation: asked } = await change('upgradeSeed', { seedId: 'brief', version: 'v1.36.3' });
  const said = () => saidOf(made.seed.uuid);
  await until(() => said().some((message) => message.includes('not found')));
  await change('scaleSeed', { seedId: 'brief', workers: 1 });
  const seen = () => world.rows<{ facts: string }>(`select facts from seeds where id = '${made.seed.uuid}'`)[0]?.facts ?? '{}';
  await until(() => (JSON.parse(seen()) as { schedulableNodes: number }).schedulableNodes === 2);
  expect(JSON.parse(seen())).toMatchObject({ kubernetesVersion: 'v1.35.4', kubeletVersions: ['v1.35.4'] });
  await world.restart(() => addPackages('https://packages.example.org/v{minor}/deb/'));
  const begun = () => said().filter((message) => message.includes('-0 to begin')).length;
  const before = begun();
  await world.change(world.admin, 'retryOperation', { operationId: asked.uuid }, 'operation { uuid }');
  await until(() => begun() > before);
  await succeeded((await change('deleteSeed', { seedId: 'brief' })).operation.uuid);
}, 200_000);
