/** What API servers are to call lies where the operator lets them: else nothing would ever come there, and nobody would hear why. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createCommands } from '../../src/commands/commands.ts';
import { ANNA, call, errorOf, type House, openHouse, TEMPLATE } from './house.ts';

let house: House;
beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
});
afterEach(() => house.close());

/** Where the operator has opened these ranges. */
const opened = (egressCidrs: string[]) => createCommands({ ...house.deps, settings: { ...house.deps.settings, egressCidrs } });
const webhook = (url: string) => ({ controlPlane: { audit: { webhook: { url } } } });
const issuer = (url: string) => ({ controlPlane: { issuers: [{ url, audiences: ['k8s'] }] } });
const create = (overrides: object, more: object = {}, { createCluster } = house.commands) =>
  createCluster(call(ANNA), { name: 'web', clusterTemplate: 'standard', overrides, ...more });

test.each([
  ['a webhook', webhook('https://10.1.2.3:8443/k8s'), ['overrides', 'controlPlane', 'audit', 'webhook', 'url']],
  ['an issuer', issuer('https://192.168.0.9/realm'), ['overrides', 'controlPlane', 'issuers', '0', 'url']],
])('%s at a private address is refused with who can open it, unless it is open', async (_what, overrides, field) => {
  const error = await errorOf(create(overrides));
  expect(error).toMatchObject({ code: 'INVALID_INPUT', field });
  expect(error.message).toContain('SEEDBED_EGRESS_CIDRS');
  expect(await errorOf(create(overrides, {}, opened(['10.2.0.0/16', '192.168.1.0/24'])))).toMatchObject({ field });
  await create(overrides, {}, opened(['10.1.0.0/16', '192.168.0.0/24']));
});

test('public addresses and names are taken, for where a name leads is not known', async () => {
  await create(webhook('https://203.0.113.9/k8s'));
  await create(issuer('https://login.internal.example'), { name: 'other' });
});

test('a template is looked at, too, by its label as well, and so is each cluster that it is for', async () => {
  const named = { ...TEMPLATE, name: 'audited' };
  const { createClusterTemplate } = house.commands;
  expect(await errorOf(createClusterTemplate(call(ANNA), { ...named, ...webhook('https://10.1.2.3') }))).toMatchObject({
    field: ['controlPlane', 'audit', 'webhook', 'url'],
  });
  const labels = { oidc_issuer_url: 'https://172.16.0.1', oidc_client_id: 'k8s' };
  expect(await errorOf(createClusterTemplate(call(ANNA), { ...named, labels }))).toMatchObject({ field: ['labels', 'oidc_issuer_url'] });
  await opened(['10.1.0.0/16']).createClusterTemplate(call(ANNA), { ...named, ...webhook('https://10.1.2.3') });
  // What was open when the template was made is not any more.
  expect(await errorOf(create({}, { clusterTemplate: 'audited' }))).toMatchObject({
    field: ['overrides', 'controlPlane', 'audit', 'webhook', 'url'],
  });
  const update = house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: 'standard', ...issuer('https://10.1.2.3') });
  expect(await errorOf(update)).toMatchObject({ field: ['controlPlane', 'issuers', '0', 'url'] });
});

test('a living cluster takes no new one, and one that it has is no reason to refuse another change', async () => {
  const { cluster } = await create(webhook('https://10.1.2.3'), {}, opened(['10.1.0.0/16']));
  const update = (overrides: object) => house.commands.updateCluster(call(ANNA), { clusterId: cluster.id, overrides });
  expect(await errorOf(update(webhook('https://10.1.2.4')))).toMatchObject({
    field: ['overrides', 'controlPlane', 'audit', 'webhook', 'url'],
  });
  await update({ autoHealingEnabled: true });
});

test('a move to a template that brings one is refused by the template', async () => {
  const { cluster } = await create({});
  const { updateClusterTemplate } = opened(['10.1.0.0/16']);
  await updateClusterTemplate(call(ANNA), { clusterTemplateId: 'standard', ...webhook('https://10.1.2.3') });
  const error = await errorOf(house.commands.moveClusterToTemplate(call(ANNA), { clusterId: cluster.id }));
  expect(error.message).toContain('SEEDBED_EGRESS_CIDRS');
});
