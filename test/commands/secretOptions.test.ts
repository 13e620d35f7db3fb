/** Secret options of addon bundles: sealed where they lie, shown nowhere, and kept by a change that does not give them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOfOption } from '../../src/domain/addonBundle.ts';
import { ADA, ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

const PASSWORD = 'correct-horse-battery';
const OTHER = 'another-staple-of-words';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

const manifests = (where: string) => `
apiVersion: v1
kind: Secret
metadata: { name: login, namespace: default }
stringData: { url: "https://\${options.user}:\${options.password}@example.org" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: login, namespace: default }
data: { user: "${where}" }
`;
const schema = (password: object) => ({
  type: 'object',
  properties: { user: { type: 'string', default: 'web' }, password: { type: 'string', minLength: 8, ...password } },
  required: ['password'],
});
const register = (password: object = { format: 'password' }, where = `\${options.user}`) =>
  house.commands.registerAddonBundle(call(ADA), {
    name: 'login',
    manifests: manifests(where),
    optionsSchema: JSON.stringify(schema(password)),
  });
const choose = (options: object, more: object = {}) => ({ bundles: [{ name: 'login', options, ...more }] });
const create = (overrides: object | undefined, clusterTemplate = 'standard') =>
  house.commands.createCluster(call(ANNA), { name: 'shop', clusterTemplate, ...(overrides && { overrides }) });
const opened = (sealed: string | undefined) => house.secrets.open(sealed ?? '', placeOfOption('login', 'password'));
/** The database with its journal, as it lies on the disk. */
const onDisk = () => ['', '-wal'].map((end) => readFileSync(`${house.path}${end}`, 'latin1')).join('');

test.each([{ format: 'password' }, { writeOnly: true }])(
  'with %j it is sealed in the template, in the cluster, and in what it overrides',
  async (mark) => {
    await register(mark);
    const { cluster } = await create(choose({ user: 'anna', password: PASSWORD }));
    for (const [choice] of [cluster.spec.bundles, cluster.overrides.bundles ?? []]) {
      expect(choice).toMatchObject({ name: 'login', options: { user: 'anna' }, sealed: { password: expect.any(String) } });
      expect(choice?.options).not.toHaveProperty('password');
      expect(opened(choice?.sealed?.['password'])).toBe(PASSWORD);
    }
    await house.commands.createClusterTemplate(call(ANNA), { ...TEMPLATE, name: 'with-login', ...choose({ password: OTHER }) });
    const inherited = await house.commands.createCluster(call(ANNA), { name: 'second', clusterTemplate: 'with-login' });
    expect(opened(inherited.cluster.spec.bundles[0]?.sealed?.['password'])).toBe(OTHER);
    expect(onDisk()).toContain('anna');
    for (const secret of [PASSWORD, OTHER]) expect(onDisk()).not.toContain(secret);
  },
);

test('without a mark it is an option like others', async () => {
  await register({});
  const { cluster } = await create(choose({ password: PASSWORD }));
  expect(cluster.spec.bundles).toEqual([{ name: 'login', revision: 1, options: { password: PASSWORD } }]);
});

test('a change that does not give it keeps it, one that does replaces it, and it is held against the schema', async () => {
  await register();
  const { cluster } = await create(choose({ password: PASSWORD }));
  const update = async (options: object) =>
    (await house.commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides: choose(options) })).cluster.spec.bundles[0];
  const kept = await update({ user: 'ben' });
  expect(kept).toEqual({ ...cluster.spec.bundles[0], options: { user: 'ben' } });
  // The same again is no other sealing: nothing has changed.
  expect((await update({ user: 'ben', password: PASSWORD }))?.sealed).toEqual(kept?.sealed);
  expect(opened((await update({ password: OTHER }))?.sealed?.['password'])).toBe(OTHER);
  const refused = await errorOf(update({ password: 'short' }));
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', message: 'The option password must have at least 8 characters.' });
  expect(await errorOf(create(choose({})))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('must be given') });
});

test('a revision in which it is secret no more does not get it', async () => {
  await register();
  const { cluster } = await create(choose({ password: PASSWORD }));
  await house.commands.updateAddonBundle(call(ADA), {
    addonBundleId: 'login',
    manifests: manifests(`\${options.password}`),
    optionsSchema: JSON.stringify(schema({})),
  });
  const overrides = choose({}, { revision: 2 });
  expect(await errorOf(house.commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides }))).toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('password must be given'),
  });
});

test.each<[string, object, string | undefined, RegExp]>([
  ['outside of stringData', { format: 'password' }, `\${options.password}`, /ConfigMap default\/login: The option password is secret/],
  ['with a default', { writeOnly: true, default: 'everybody-knows' }, undefined, /is secret and has a default/],
  ['of another type', { type: 'integer', minLength: undefined, writeOnly: true }, undefined, /format and writeOnly are for strings/],
  ['of another format', { format: 'date' }, undefined, /must be "password"/],
])('a schema is refused that has one %s', async (_what, mark, where, told) => {
  expect(await errorOf(register(mark, where))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringMatching(told) });
});
