/** `--plan` against the API itself: what is shown is what the plan says, and nothing is asked for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { makeCluster, openWorld, type World } from '../api/world.ts';
import { run } from './run.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await makeCluster(world, 'anna', 'web');
});

const folder = mkdtempSync(join(tmpdir(), 'seedbed-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));
const FILE = join(folder, 'web.yaml');

const seedbedAs = (token: string, ...args: string[]) => run(args, { SEEDBED_URL: world.url, OS_TOKEN: token });
const seedbed = (...args: string[]) => seedbedAs('anna', ...args);
const asked = () => world.data('anna', '{ clusters(first: 9) { nodes { name generation operations(first: 9) { nodes { kind } } } } }');

test.each([
  ['cluster create', ['cluster', 'create', 'shop', '--template', 'standard', '--nodes', '3'], [/^create +3 +server /m]],
  [
    'cluster update',
    ['cluster', 'update', 'web', '--deletion-protection'],
    [/^deletionProtection +false +true/m, /^Nothing is made, restarted/m],
  ],
  [
    'nodegroup resize',
    ['nodegroup', 'resize', 'web', 'default-worker', '--count', '4'],
    [/^count +\d +4/m, /^create +\d+ +server +default-worker/m],
  ],
  [
    'nodegroup update',
    ['nodegroup', 'update', 'web', 'default-worker', '--image', 'debian', '--max-surge', '2'],
    [/^upgradeStrategy +\{.*"maxSurge":"1".*\} +\{.*"maxSurge":"2"/m, /^Nothing is made, restarted/m],
  ],
  [
    'nodegroup autoscale',
    ['nodegroup', 'autoscale', 'web', 'default-worker', '--min', '3', '--max', '5'],
    [/^count +1 +3/m, /^create +\d+ +server +default-worker/m],
  ],
  ['cluster delete', ['cluster', 'delete', 'web'], [/usually takes +not known: /]],
])('%s tells what it would do, and does nothing', async (_name, args, shown) => {
  const before = await asked();
  const { status, out, err } = await seedbed(...args, '--plan');
  expect([status, err]).toEqual([0, '']);
  for (const text of shown) expect(out).toMatch(text);
  expect(await asked()).toEqual(before);
});

/** A plan that would be refused: all of it on standard output, and the refusal as its mutation leaves it. */
const REFUSED: [string, string[], number, RegExp][] = [
  ['a name that is taken', ['cluster', 'create', 'web', '--template', 'standard'], 6, /^seedbed: .*web.* \[<name>\]\n$/],
  ['an input that is wrong', ['nodegroup', 'update', 'web', 'default-worker', '--kubernetes-version', 'v9.9.9'], 2, /--kubernetes-version/],
  ['a setting for life', ['cluster', 'update', 'web', '--file', FILE], 2, /podCidr in /],
  ['no role', ['nodegroup', 'resize', 'web', 'default-worker', '--count', '2'], 3, /^seedbed: The policy does not allow/],
  ['bounds that cross', ['nodegroup', 'autoscale', 'web', 'default-worker', '--min', '5', '--max', '4'], 2, /--min/],
  ['protection', ['cluster', 'delete', 'web'], 6, /^seedbed: .*protect/i],
];

test.each(REFUSED)('%s: a plan that would be refused is shown, and ends as the command does', async (what, args, status, err) => {
  writeFileSync(FILE, 'podCidr: 10.99.0.0/16\n');
  if (what === 'protection') await seedbed('cluster', 'update', 'web', '--deletion-protection', '--no-wait');
  const token = what === 'no role' ? 'rita' : 'anna';
  const before = await asked();
  const ran = await seedbedAs(token, ...args, '--plan');
  expect([ran.status, ran.err]).toEqual([status, expect.stringMatching(err)]);
  expect(ran.err).not.toMatch(/\n./);
  expect(ran.out).toMatch(/^Not now: /m);
  const json = await seedbedAs(token, ...args, '--plan', '--json');
  expect([json.status, json.err]).toEqual([ran.status, ran.err]);
  expect(JSON.parse(json.out).problems.length).toBeGreaterThan(0);
  expect(await asked()).toEqual(before);
  const done = await seedbedAs(token, ...args, '--no-wait');
  expect([done.status, done.err]).toEqual([ran.status, ran.err]);
});

test('an input that is none by its types is explained as it is to the mutation', async () => {
  writeFileSync(FILE, 'podCider: 10.99.0.0/16\n');
  const plan = await seedbed('cluster', 'update', 'web', '--file', FILE, '--plan');
  expect(plan).toEqual({ status: 2, out: '', err: expect.stringContaining('did you mean podCidr?') });
  expect((await seedbed('cluster', 'update', 'web', '--file', FILE)).err.replace(/ \(request .*\)/, '')).toBe(
    plan.err.replace(/ \(request .*\)/, ''),
  );
});

test('an upgrade to a version that is named, and a move to a template, end as the mutation would', async () => {
  const listed = await seedbed('cluster', 'upgrade', 'web', '--plan');
  expect([listed.status, listed.err]).toEqual([0, '']);
  const named = await seedbed('cluster', 'upgrade', 'web', 'v9.9.9', '--plan');
  expect([named.status, named.err]).toEqual([2, 'seedbed: Cluster web cannot go to v9.9.9 from where it is.\n']);
  const same = await seedbed('cluster', 'move-to-template', 'web', '--plan');
  expect([same.status, same.out, same.err]).toEqual([
    2,
    expect.stringMatching(/^Not now: .*already/m),
    expect.stringMatching(/^seedbed: Cluster web has the settings of revision 1 .*\n$/),
  ]);
});
