/** `seedbed node …` against a server: its workers are listed, and another takes the place of one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Living, openLiving } from '../reconcilers/world.ts';
import { run } from './run.ts';

let world: Living;
beforeAll(async () => {
  world = await openLiving();
  await world.makeCluster('web', { nodeCount: 2 });
});
afterAll(() => world?.close());

const seedbed = (...args: string[]) => run(['node', ...args], { SEEDBED_URL: world.served.url, OS_TOKEN: world.member });
const rows = (out: string) => out.split('\n').map((line) => line.split(/ {2,}/));
const workers = () => world.rows<{ id: string; name: string }>('select id, name from nodes where deleted_at is null order by name');
const names = () => workers().map(({ name }) => name);

test('the workers of a cluster are listed, for people and for scripts', async () => {
  const { status, out } = await seedbed('list', 'web');
  expect(status).toBe(0);
  const [head, ...lines] = rows(out).filter(([name]) => name !== '');
  expect(head?.[0]).toBe('WORKER');
  expect(lines.map(([name]) => name).sort()).toEqual(names());
  for (const line of lines) expect(line).toContain('READY');
  const json = JSON.parse((await seedbed('list', 'web', '--json')).out) as { uuid: string; name: string; state: string }[];
  expect(json.map(({ uuid, name }) => ({ id: uuid, name })).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(workers());
  expect(await seedbed('list', 'nowhere')).toMatchObject({ status: 4, out: '', err: expect.stringContaining('nowhere') });
});

test('another worker takes the place of one that is named, and it is waited for', async () => {
  const [old, stays] = workers();
  const { status, out, err } = await seedbed('replace', 'web', old?.name ?? '');
  expect([status, err]).toEqual([0, expect.stringContaining(`Replace worker ${old?.name}`)]);
  expect(names()).toHaveLength(2);
  expect(names()).toContain(stays?.name);
  expect(names()).not.toContain(old?.name);
  for (const name of names()) expect(out).toContain(name);
  expect(out).not.toContain(old?.name);
  expect(world.rows("select state from operations where kind = 'REPLACE_NODE'")).toEqual([{ state: 'SUCCEEDED' }]);
});

test('a worker is found by its id, too, and one that is not of the cluster is not there', async () => {
  const [first] = workers();
  const { status, err } = await seedbed('replace', 'web', first?.id ?? '', '--no-wait');
  expect([status, err]).toEqual([0, expect.stringMatching(/^Under way; watch it with: seedbed operation show \S+ --wait$/m)]);
  expect(world.rows("select 1 from operations where kind = 'REPLACE_NODE'")).toHaveLength(2);
  expect(await seedbed('replace', 'web', 'web-nobody')).toMatchObject({
    status: 4,
    err: expect.stringContaining('Cluster web has no worker web-nobody.'),
  });
});
