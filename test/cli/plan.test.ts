/** `--plan` against the API itself: what is shown is what the plan says, and nothing is asked for. */
import { beforeEach, expect, test } from 'vitest';
import { makeCluster, openWorld, type World } from '../api/world.ts';
import { run } from './run.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
  await makeCluster(world, 'anna', 'web');
});

const seedbed = (...args: string[]) => run(args, { SEEDBED_URL: world.url, OS_TOKEN: 'anna' });
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

test('what it would be refused for is told, in JSON too, and is no error', async () => {
  const { status, out } = await seedbed('cluster', 'create', 'web', '--template', 'standard', '--plan');
  expect([status, out]).toEqual([0, expect.stringMatching(/^Not now: .*web/m)]);
  const { problems } = JSON.parse((await seedbed('cluster', 'create', 'web', '--template', 'standard', '--plan', '--json')).out);
  expect(problems).toMatchObject([{ code: 'NAME_TAKEN', field: ['name'] }]);
});
